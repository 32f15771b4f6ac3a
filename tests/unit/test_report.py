import json
import re
from html.parser import HTMLParser
from pathlib import Path

import compare_methods
import plot_learning_curves
import plot_rewards
import plot_tasks
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import render_report
from results_factory import build_study, write_results

from tunelab.errors import UserError
from tunelab.notation import format_metric
from tunelab.records import write_json

TEMPLATES = sorted((Path(__file__).parents[2] / "reports").glob("report*"))
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)><a href='javascript:alert(3)'>\"' onload=\"x"
UNTRUSTED = {"content", "completion", "licence", "source_sentence", "text", "rendered_example", "revision", "path"}


class Page(HTMLParser):
    """What a browser would make of the page: elements, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.html, self.tags, self.attributes, self.text = html, [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data

    @property
    def words(self):
        return " ".join(self.text.split())


def prepare(root, study=None, rows=12):
    study = write_results(root, study or build_study(), rows=rows)
    compare_methods.main(str(root), study, root / "comparison/results.json", root / "main.csv", root / "cost.csv")
    plot_tasks.main(str(root), study, root / "comparison/results.json", root / "figures/tasks.svg")
    methods = {run["method"] for run in study["runs"].values()}
    if "sft" in methods:
        plot_learning_curves.main(str(root), study, root / "figures/learning_curves.svg")
    if "grpo" in methods:
        plot_rewards.main(str(root), study, root / "figures/rewards.svg")
    return study


def render(root, study, templates=TEMPLATES):
    figures = sorted((root / "figures").glob("*.svg"))
    render_report.main(str(root), study, figures, templates, root / "report.html")
    return Page((root / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    return root, prepare(root)


def test_the_page_has_every_section_and_every_link_inside_it_leads_somewhere(results):
    page = render(*results)
    ids = [value for name, value in page.attributes if name == "id"]
    links = [value for name, value in page.attributes if name == "href"]
    sections = ["setup", "results", "learning", "rewards", "samples", "cost", "data", "threats", "reproduce"]
    assert len(ids) == len(set(ids))
    assert links[: len(sections)] == [f"#{name}" for name in sections]
    assert {link for link in links if not link.startswith("#")} == set()
    assert {link[1:] for link in links} <= set(ids)
    assert page.tags.count("svg") == 3
    assert page.tags.count("h2") == len(sections)


def test_the_page_asks_nothing_of_the_network_and_runs_no_script(results):
    page = render(*results)
    assert not {"script", "img", "link", "iframe", "object", "base", "form"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in ("src", "srcset", "action") or name.startswith("on")]
    (policy,) = [value for _, value in page.attributes if value and "default-src" in value]
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"@import|url\((?!#)", page.html)


def test_numbers_on_the_page_are_those_of_the_results(results):
    root, study = results
    page = render(root, study)
    rows = json.loads((root / "comparison/results.json").read_text(encoding="utf-8"))
    shown = [row for row in rows if row["metric"] in ("strict", "loss", "rouge_l")]
    assert len(shown) == 5 * (2 + 2)
    for row in shown:
        assert format_metric(row["value"], row["metric"]) in page.text


def test_the_page_is_the_same_byte_for_byte_when_made_again(results):
    assert render(*results).html == render(*results).html


def test_hostile_text_of_models_data_and_config_stays_text(tmp_path):
    study = build_study()
    study["study"]["title"] = study["runs"]["lora"]["label"] = study["tasks"]["support"]["label"] = HOSTILE
    study["runs"]["prefix"]["adapter"]["init_text"] = HOSTILE
    prepare(tmp_path, study)
    poisoned = 0
    for path in [*tmp_path.rglob("*.json"), *tmp_path.rglob("*.jsonl")]:
        if path.name in ("losses.jsonl", "history.jsonl", "results.json"):
            continue
        text = path.read_text(encoding="utf-8")
        spoilt = re.sub(
            rf'("(?:{"|".join(UNTRUSTED)})": )"', lambda found: f'{found[1]}"{json.dumps(HOSTILE)[1:-1]} ', text
        )
        poisoned += spoilt != text
        path.write_text(spoilt, encoding="utf-8")
    assert poisoned == 1 + 2 * 3 + 5 * 2 * 2  # model card; card, rows and tokens of data sets; answers and prompts
    spoil_completions(tmp_path / "runs/grpo/seed1/completions.parquet")
    page = render(tmp_path, study)
    assert not {"script", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [value for _, value in page.attributes if value and value.startswith("javascript:")]
    assert page.text.count(HOSTILE) > 50


def spoil_completions(path):
    rows = pq.read_table(path).to_pylist()
    columns = ("prompt", "answer", "completion")
    spoilt = [row | {name: f"{HOSTILE}{row[name]}" for name in columns} for row in rows]
    pq.write_table(pa.Table.from_pylist(spoilt), path)


def test_a_smoke_study_carries_a_banner_and_others_do_not(tmp_path, results):
    study = build_study()
    study["study"]["smoke"] = True
    assert "these numbers are not results" in render(tmp_path, prepare(tmp_path, study)).text
    assert "these numbers are not results" not in render(*results).text


def test_several_seeds_are_shown_as_mean_range_and_one_by_one(tmp_path):
    page = render(tmp_path, prepare(tmp_path, build_study(seeds=(1, 2, 3))))
    assert "the mean over its seeds (1, 2, 3)" in page.words
    assert "Every run was trained with 3 seeds." in page.words
    assert "every seed with its own interval" in page.words


def test_a_study_of_one_untouched_model_has_no_sections_on_training(tmp_path):
    page = render(tmp_path, prepare(tmp_path, build_study(runs=("base",))))
    ids = {value for name, value in page.attributes if name == "id"}
    assert {"setup", "results", "samples", "data", "threats", "reproduce"} <= ids
    assert not {"learning", "rewards", "cost"} & ids


def test_synthetic_data_is_said_to_be_so_wherever_it_is_shown(results):
    page = render(*results)
    assert "Part of the data is synthetic, generated by this project: sums." in page.words
    assert page.html.count('<span class="badge">synthetic</span>') == 5  # data sets, tasks, results, samples, data card


def test_truncated_rows_are_counted_per_run(results):
    root, study = results
    totals = json.loads((root / "datasets/tech/tokens_smollm2.json").read_text())["splits"]["train"]["total"]
    longer = sum(total > 96 for total in totals)
    assert longer > 0
    expected = f"{longer} of 240 training rows are longer than the 96 tokens that prefix tuning reads"
    assert expected in render(root, study).words


def test_a_missing_file_is_named(tmp_path):
    study = prepare(tmp_path)
    (tmp_path / "datasets/sums/data_card.json").unlink()
    with pytest.raises(UserError, match=r"results/datasets/sums/data_card\.json is missing"):
        render(tmp_path, study)


def test_a_missing_template_is_named(results):
    with pytest.raises(UserError, match=r"reports/report\.css is missing"):
        render(*results, templates=[path for path in TEMPLATES if path.suffix != ".css"])


def test_an_incomplete_artefact_stops_the_build(tmp_path):
    study = prepare(tmp_path)
    path = tmp_path / "runs/lora/seed1/training.json"
    write_json(path, json.loads(path.read_text()) | {"peak_memory_bytes": None})
    with pytest.raises((UserError, TypeError)):
        render(tmp_path, study)
