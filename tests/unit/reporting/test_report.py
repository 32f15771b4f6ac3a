import copy
import json
import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.comparison.results_factory import build_study
from tests.unit.reporting.page_factory import SIMULATED, TEMPLATES, prepare_study, render_page
from tunelab.comparison import contrasts
from tunelab.errors import UserError
from tunelab.records import read_json, write_json
from tunelab.reporting.notation import format_difference, format_interval, format_metric, format_percent

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)><a href='javascript:alert(3)'>\"' onload=\"x"
UNTRUSTED = {"content", "completion", "licence", "text", "rendered_example", "revision", "path"}
SECTIONS = [
    *("results", "contrasts", "pairs", "sampling", "cost", "changes", "gains", "threats", "contamination", "noise"),
    *("learning", "rewards", "data", "cards", "questions", "setup", "reproduce", "glossary"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    return root, prepare_study(root, drawn=True)


@pytest.fixture(scope="module")
def page(results):
    return render_page(*results)


@pytest.fixture
def spoilable(results, tmp_path):
    """The same results in a folder that a test may change."""
    root, study = results
    shutil.copytree(root, tmp_path / "results")
    return tmp_path / "results", copy.deepcopy(study)


def change_table(root, **changes):
    """Give every contrast of the results other values."""
    table = read_json(root / "results.json")
    write_json(root / "results.json", table | {"contrasts": [row | changes for row in table["contrasts"]]})


def test_the_page_has_every_section_and_every_link_inside_it_leads_somewhere(page):
    ids = [value for name, value in page.attributes if name == "id"]
    links = [value for name, value in page.attributes if name == "href"]
    assert len(ids) == len(set(ids))
    contents = [link for link in links if link[1:] in SECTIONS]
    assert contents[: len(SECTIONS)] == [f"#{name}" for name in SECTIONS]
    assert [name for name in ids if name in SECTIONS] == SECTIONS
    assert {link.partition("#")[0] for link in links} == {"", "results.json"}
    inner = {link[1:] for link in links if link.startswith("#")}
    assert {name for name in inner if not name.startswith("answers/")} <= set(ids)
    assert page.tags.count("h2") == len(SECTIONS) + 3  # and those of the first screen
    assert {f"figure-{path.stem}" for path in TEMPLATES} & set(ids) == set()
    figures = ["tasks", "contrasts", "costs", "forgetting", "gains", "learning_curves", "rewards"]
    assert [name for name in ids if name.startswith("figure-")] == [f"figure-{name}" for name in figures]


def test_titles_of_the_contents_are_those_of_the_sections(page):
    contents = re.findall(r'<li><a href="#\w+">(.*?)</a></li>', page.html)
    assert len(contents) == len(SECTIONS)
    assert contents == re.findall(r"<h2>(.*?)</h2>", page.html)


def test_numbers_on_the_page_are_those_of_the_results(results, page):
    table = read_json(results[0] / "results.json")
    shown = [row for row in table["estimates"] if row["metric"] in ("strict", "loss", "rouge_l", "mean@4")]
    assert len(shown) == 5 * (2 + 2 + 1 + 1)
    for row in shown:
        if not row["task"].startswith("text:"):
            assert format_metric(row["value"], row["metric"]) in page.text
            assert format_interval(row) in page.text
    declared = [row for row in table["contrasts"] if row["declared"]]
    assert len(declared) == 5 * (4 + 5 + 3 + 1)  # sums, their drawn answers, texts, a neutral text
    for row in declared:
        assert format_difference(row["value"], row["metric"]) in page.text
        assert format_interval(row) in page.text


def test_every_cell_of_the_main_table_has_its_interval_and_its_rows(page):
    tables = re.findall(r'<table class="main" data-sortable>.*?</table>', page.html, re.DOTALL)
    assert len(tables) == 5  # two tasks, the sampled answers of one, and twice without shared rows
    for table in tables:
        cells = re.findall(r"<td.*?</td>", table, re.DOTALL)
        assert len(cells) in (5 * 5, 5 * 3, 5 * 2)
        assert all(re.search(r"\[.+\].*n&nbsp;=&nbsp;(12|10|9|8)", cell) for cell in cells)


def test_the_page_is_the_same_byte_for_byte_when_made_again(results, page):
    assert render_page(*results).html == page.html


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("better", "LoRA is better than untouched on Technical questions in held-out loss (−0.200"),
        ("worse", "LoRA is worse than untouched on Technical questions in held-out loss (−0.200"),
        ("equivalent", "LoRA and untouched are equivalent on Technical questions in held-out loss: the difference,"),
        ("undecided", "Whether LoRA and untouched differ on Technical questions in held-out loss is undecided: the"),
    ],
)
def test_a_comparative_comes_from_its_verdict(spoilable, verdict, words):
    root, study = spoilable
    change_table(root, verdict=verdict, value=-0.2, smallest_detectable=0.3)
    abstract = render_page(root, study).words.partition("What was asked")[2].replace("\u2011", "-")
    abstract = abstract.partition("Contents")[0]
    assert words in abstract
    others = {"is better than", "is worse than", "are equivalent on", "is undecided"}
    said = {sign for sign in others if sign in abstract}
    assert len(said) == 1


def test_unequal_budgets_and_noise_are_said_in_the_verdicts_own_sentence(spoilable):
    root, study = spoilable
    change_table(root, verdict="better", unequal=["steps", "tokens"], value=-0.2, low=-0.3, high=-0.1, noise=0.25)
    words = render_page(root, study).words
    expected = (
        r"LoRA is better than prefix tuning on Technical questions in [^.]*\d[^;]*; budgets differ \(steps, tokens\); "
    )
    assert re.search(expected + r"repeated evaluations moved the metric by as much \(0\.250\)\.", words)
    assert "Unequal budgets. A difference between runs of unequal effort may be one of effort" in words


def test_an_equal_budget_is_said_in_the_verdict_and_how_it_was_used_beside_the_costs(spoilable):
    root, study = spoilable
    change_table(root, verdict="better", equal_budget="flops", value=-0.2, low=-0.3, high=-0.1)
    table = read_json(root / "results.json")
    for row in table["consumed"]:
        row["budget_share"] = 0.42 if row["run"] == "lora" else 1.01
    write_json(root / "results.json", table)
    study["study"]["budget"] = {"axis": "seconds", "limit": 600.0}
    words = render_page(root, study).words
    assert re.search(r"LoRA is better than prefix tuning on Technical .*?; at equal budget \(operations\)", words)
    assert "LoRA was stopped at 42.0 % of it by its own number of steps" in words
    assert "prefix tuning consumed 101.0 % of it." in words
    assert "A budget of time holds for runs on one machine" in words


def test_a_larger_difference_that_stays_undecided_is_not_said_to_be_too_small(spoilable):
    root, study = spoilable
    change_table(root, verdict="undecided", value=-0.4, smallest_detectable=0.3, p_corrected=0.156)
    words = render_page(root, study).words
    assert re.search(r"which the test does not tell from chance, p.=.0\.156\.", words)
    assert "this test could detect" not in words


def test_conversations_of_several_replies_and_what_their_turns_carry_are_told(spoilable):
    root, study = spoilable
    path = root / "datasets" / "tech" / "data_card.json"
    card = read_json(path)
    assert "speaks more than once" not in render_page(root, study).words
    reply = {
        "role": "assistant",
        "content": "",
        "reasoning_content": "Let me see.",
        "tool_calls": [{"name": "look_up"}],
    }
    card["examples"][0]["messages"].append(reply)
    write_json(path, card | {"several_replies": 7})
    words = render_page(root, study).words
    assert "In 7 of the test rows the assistant speaks more than once: answers, scores and losses are of its" in words
    assert 'Let me see. [{"name": "look_up"}]' in words


def test_hostile_text_of_models_data_and_config_stays_text(spoilable):
    root, study = spoilable
    study["study"]["title"] = study["runs"]["lora"]["label"] = study["tasks"]["support"]["label"] = HOSTILE
    study["runs"]["prefix"]["adapter"]["init_text"] = HOSTILE
    clean = render_page(root, study)
    poisoned = 0
    for path in [*root.rglob("*.json"), *root.rglob("*.jsonl")]:
        if path.name in ("losses.jsonl", "history.jsonl", "results.json"):
            continue
        text = path.read_text(encoding="utf-8")
        spoilt = re.sub(
            rf'("(?:{"|".join(UNTRUSTED)})": )"', lambda found: f'{found[1]}"{json.dumps(HOSTILE)[1:-1]} ', text
        )
        poisoned += spoilt != text
        path.write_text(spoilt, encoding="utf-8")
    # model card; two cards, rows and tokens of each data set; answers and prompts
    assert poisoned == 1 + 2 * 4 + 5 * 2 * 2
    spoil_completions(root / "runs/grpo/seed1/completions.parquet")
    page = render_page(root, study)
    assert page.tags == clean.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [value for _, value in page.attributes if value and value.startswith("javascript:")]
    assert page.text.count(HOSTILE) > 50


def spoil_completions(path):
    rows = pq.read_table(path).to_pylist()
    columns = ("prompt", "answer", "completion")
    spoilt = [row | {name: f"{HOSTILE}{row[name]}" for name in columns} for row in rows]
    pq.write_table(pa.Table.from_pylist(spoilt), path)


def test_a_smoke_study_carries_a_banner_and_others_do_not(spoilable, page):
    root, study = spoilable
    study["study"]["smoke"] = True
    smoke = render_page(root, study)
    assert '<p class="banner" role="note"><strong>Smoke study.</strong>' in smoke.html
    assert smoke.words.count("these numbers are not results") == 2
    assert "these numbers are not results" not in page.words


def test_one_seed_is_said_to_allow_no_statement_about_methods(page):
    assert "intervals over the choice of rows; they say nothing of a second training" in page.words
    assert "Every run was trained once (seed 1)." in page.words


def test_several_seeds_are_shown_as_mean_parts_and_one_by_one(tmp_path):
    page = render_page(tmp_path, prepare_study(tmp_path, build_study(seeds=(1, 2, 3)), rows=8))
    assert "the mean over its seeds (1, 2, 3)" in page.words
    assert "Every run was trained with 3 seeds, few to tell how far another could lie." in page.words
    covered = [cell["covered"] for cell in read_json(SIMULATED)["grid"] if cell["seeds"] == 3]
    least, most = (" ".join(format_percent(end(covered)).split()) for end in (min, max))
    assert f"held the truth in {least} to {most} of studies" in page.words
    assert f"in simulations with 3 seeds they held the truth in {least} of studies at the least" in page.words
    assert "every seed with its own interval" in page.words
    assert "they say nothing of a second training" not in page.words
    assert page.words.count("Where the spread comes from") == 1
    assert ("id", "seeds") in page.attributes


def test_a_study_of_one_untouched_model_has_no_sections_on_training_or_pairs(tmp_path):
    page = render_page(tmp_path, prepare_study(tmp_path, build_study(runs=("base",)), rows=8))
    ids = {value for name, value in page.attributes if name == "id"}
    assert {"setup", "results", "questions", "cards", "threats", "reproduce"} <= ids
    assert not {"contrasts", "pairs", "learning", "rewards", "cost", "gains", "changes", "seeds"} & ids
    assert "1 run of smollm2 answered the held-out rows of" in page.words


def test_without_repeats_drift_and_sampling_their_sections_are_left_out_and_the_gap_is_said(spoilable):
    root, study = spoilable
    study |= {"noise": None, "drift": None}
    study["tasks"]["arithmetic"]["sampling"] = None
    table = read_json(root / "results.json")
    kept = [
        row
        for row in table["estimates"]
        if row["metric"] != "kl" and "@" not in row["metric"] and not row["task"].startswith("text:")
    ]
    tested = [row for row in table["contrasts"] if "@" not in row["metric"] and not row["task"].startswith("text:")]
    left_out = {"repeats": [], "kinds": []}
    write_json(root / "results.json", table | {"estimates": kept, "contrasts": tested} | left_out)
    page = render_page(root, study)
    assert "What kind of gain" not in page.words
    ids = {value for name, value in page.attributes if name == "id"}
    assert not {"noise", "sampling"} & ids
    assert "changes" in ids
    assert "Divergence from the untouched model" not in page.words
    assert "Noise of evaluation not measured." in page.words
    assert "One answer per question." in page.words


def test_a_study_that_names_no_pair_of_its_runs_says_that_its_differences_are_exploratory(tmp_path, page):
    study = build_study()
    study["comparison"]["contrasts"] = [["left", "out"]]
    shown = render_page(tmp_path, prepare_study(tmp_path, study, rows=8))
    assert "contrasts" not in {value for name, value in shown.attributes if name == "id"}
    assert "No declared differences." in shown.words
    assert "No declared differences." not in page.words


def test_a_page_of_many_runs_has_no_matrix_of_all_pairs_and_says_so(spoilable, monkeypatch):
    monkeypatch.setattr(contrasts, "MOST", 4)
    page = render_page(*spoilable)
    assert "pairs" not in {value for name, value in page.attributes if name == "id"}
    assert "Not every pair. Of so many runs (5), only the pairs that the config names were compared" in page.words
    assert "Exploratory pairs." not in page.words
    assert (
        "5 runs of smollm2, of which 4 were trained, each with one seed, answered the same held-out rows" in page.words
    )


def test_synthetic_data_is_said_to_be_so_wherever_it_is_shown(page):
    assert "Part of the data is synthetic, generated by this project: sums." in page.words
    assert page.html.count('<span class="badge">synthetic</span>') == 4  # tasks, data sets, results, data card


def test_a_measurement_outside_the_known_band_is_warned_of(spoilable):
    root, study = spoilable
    number = {"run": "base", "task": "arithmetic", "metric": "flexible", "value": 0.1, "low": 0.05, "high": 0.2}
    band = {"published_low": 0.4, "published_high": 0.5, "setting": "four-shot", "source": "a report", "inside": False}
    for inside in (False, True):
        table = read_json(root / "results.json") | {"known": [number | band | {"inside": inside}]}
        write_json(root / "results.json", table)
        page = render_page(root, study)
        assert ('<p class="warning"' in page.html) is not inside
        assert (page.words.count("Outside the known band.") == 2) is not inside


def test_truncated_rows_are_counted_per_run(results, page):
    totals = json.loads((results[0] / "datasets/tech/tokens_smollm2.json").read_text())["splits"]["train"]["total"]
    longer = sum(total > 96 for total in totals)
    assert longer > 0
    assert f"{longer} of 240 training rows are longer than the 96 tokens that prefix tuning reads" in page.words


def test_a_missing_file_is_named(spoilable):
    root, study = spoilable
    (root / "datasets/sums/data_card.json").unlink()
    with pytest.raises(UserError, match=r"results/datasets/sums/data_card\.json is missing"):
        render_page(root, study)


def test_a_missing_template_is_named(results):
    with pytest.raises(UserError, match=r"reports/report\.css is missing"):
        render_page(*results, templates=[path for path in TEMPLATES if path.name != "report.css"])


def test_an_incomplete_artefact_stops_the_build(spoilable):
    root, study = spoilable
    path = root / "runs/lora/seed1/training.json"
    write_json(path, json.loads(path.read_text()) | {"peak_memory_bytes": None})
    with pytest.raises(UserError, match="in place of a value"):
        render_page(root, study)


def test_costs_without_those_of_a_start_are_said_to_be_the_least(tmp_path):
    page = render_page(tmp_path, prepare_study(tmp_path, build_study(runs=("base", "grpo")), rows=8))
    assert len(re.findall(r"≥ \d", page.words.partition("Which one")[0])) == 2  # time and memory
    assert "≥: at least, as the run that it started from is not in this study." in page.words


def test_costs_of_a_study_with_all_starts_are_whole(page):
    assert "≥" not in page.words.partition("Contents")[0]
