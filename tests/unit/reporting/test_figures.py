import copy
import re
import shutil
from gettext import NullTranslations

import plot_figure
import pytest
import seaborn as sns

from tests.unit.comparison.results_factory import METHODS, build_study, write_results
from tests.unit.reporting.contrast_factory import build_contrast
from tests.unit.reporting.page_factory import PROJECT, write_comparison
from tunelab.comparison.results import Estimate, Results
from tunelab.config import methods
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_json, read_jsonl, write_json, write_jsonl
from tunelab.reporting.cost_figures import GREY, list_front, list_outdone
from tunelab.reporting.figures import MOST_ENTRIES, build_run_handles, format_points
from tunelab.reporting.learning_figures import average, describe_point
from tunelab.reporting.notation import COLOURS, find_colour, format_difference
from tunelab.reporting.training_figures import stack_parts


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A study's folder with its comparison, and its config."""
    folder, spec = tmp_path_factory.mktemp("compared"), build_study(seeds=(1, 2))
    spec["runs"]["lora"]["label"] = "LoRA at $5 & <b>"
    write_comparison(folder, write_results(folder, spec, rows=8))
    return folder, spec


@pytest.fixture
def study(tmp_path, compared):
    folder, spec = compared
    return StudyFolder(shutil.copytree(folder, tmp_path / "study"), copy.deepcopy(spec))


CHINESE = [PROJECT / "reports/zh.po"]


def draw(study, name, wording=()):
    svg, pdf = (study.root / f"figures/{name}.{ending}" for ending in ("svg", "pdf"))
    plot_figure.main(str(study.root), study.spec, name, list(wording), svg, pdf)
    assert pdf.read_bytes().startswith(b"%PDF")
    return svg.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tasks", ["Grade-school sums", "Technical questions", "strict accuracy", "ROUGE-L", "prefix tuning", "GRPO"]),
        (
            "rewards",
            ["GRPO: reward", "correctness", "strict format", "xml count", "groups without variance", "entropy"],
        ),
        (
            "learning_curves",
            [
                "trained on tech",
                "trained on sums",
                "prefix tuning",
                "validation rows",
                "tokens seen",
                "training time (s)",
            ],
        ),
        ("contrasts", ["GRPO − warm start", "difference in strict accuracy", "difference in held-out loss"]),
        ("costs", ["training time, starts included (s)", "strict accuracy (higher is better)", "untouched", "GRPO"]),
        ("forgetting", ["divergence from untouched", "loss on neutral_en text", "strict accuracy (higher is better)"]),
        ("gains", ["warm start − untouched", "layout", "skill", "split by the last number", "strict accuracy"]),
    ],
)
def test_text_stays_text_and_a_redrawn_figure_is_the_same_byte_for_byte(study, name, words):
    svg = draw(study, name)
    for word in words:
        assert word in svg
    pdf = (study.root / f"figures/{name}.pdf").read_bytes()
    assert draw(study, name) == svg
    assert (study.root / f"figures/{name}.pdf").read_bytes() == pdf
    assert not re.search(r"<dc:date>|Matplotlib v", svg)


def test_labels_are_neither_tex_nor_mark_up(study):
    svg = draw(study, "tasks")
    assert svg.count(">LoRA at $5 &amp; &lt;b&gt;</text>") == 2
    assert "<b>" not in svg


def test_a_run_has_its_colour_in_every_figure(study):
    for name, runs in (
        ("tasks", study.runs),
        ("learning_curves", ["lora", "prefix", "warmstart"]),
        ("rewards", ["grpo"]),
    ):
        svg = draw(study, name)
        for run in runs:
            assert find_colour(study, run) in svg


def test_colours_are_seaborns_colour_blind_palette():
    assert list(COLOURS) == [colour.lower() for colour in sns.color_palette("colorblind").as_hex()]


def test_a_curve_that_was_not_logged_is_said_to_be_missing(study):
    for seed in (1, 2):
        path = study.run_file("grpo", seed, "history.jsonl")
        write_jsonl(path, [{name: value for name, value in row.items() if name != "kl"} for row in read_jsonl(path)])
    assert draw(study, "rewards").count("(not logged in this run)") == 3  # over steps, over tokens, across


def test_signals_are_those_that_each_method_logs(tmp_path):
    spec = build_study(runs=tuple(METHODS), seeds=(1, 2))
    svg = draw(StudyFolder(tmp_path, write_results(tmp_path, spec, rows=8)), "signals")
    for words in ("DPO: loss", "preferred, log-ratio", "pairs told apart", "distilled: loss", "entropy (nats)"):
        assert svg.count(f">{words}</text>") == 1
    assert svg.count("(not logged in this run)") == 3


def test_a_signal_without_a_name_of_its_own_goes_by_the_trainers_key(tmp_path, monkeypatch):
    record = methods.METHODS["dpo"]._replace(signals=("loss", "rewards/margins"))
    monkeypatch.setitem(methods.METHODS, "dpo", record)
    svg = draw(StudyFolder(tmp_path, write_results(tmp_path, build_study(runs=tuple(METHODS)), rows=8)), "signals")
    assert svg.count(">rewards/margins</text>") == 1


def test_a_curve_of_one_run_is_no_gap_where_another_logs_none(tmp_path):
    spec = write_results(tmp_path, build_study(runs=("warmstart", "grpo")), rows=8)
    spec["runs"]["second"] = spec["runs"]["grpo"]
    spec["study"]["runs"].append("second")
    study = StudyFolder(tmp_path, spec)
    rows = read_jsonl(study.run_file("grpo", 1, "history.jsonl"))
    write_jsonl(
        study.run_file("second", 1, "history.jsonl"), [{k: v for k, v in row.items() if k != "kl"} for row in rows]
    )
    assert draw(study, "rewards").count("(not logged in this run)") == 1


@pytest.mark.parametrize(("name", "method"), [("rewards", "grpo"), ("learning_curves", "sft"), ("signals", "dpo")])
def test_a_study_without_such_runs_is_told_so(tmp_path, name, method):
    study = StudyFolder(tmp_path, write_results(tmp_path, build_study(runs=("base",)), rows=8))
    with pytest.raises(UserError, match=rf"study\.runs has no run .*`(method: )?{method}`"):
        draw(study, name)


def test_costs_are_drawn_where_no_run_has_a_whole_chain_of_them(tmp_path):
    spec = build_study(runs=("grpo",))
    write_comparison(tmp_path, write_results(tmp_path, spec, rows=8))
    assert 'id="mark-' not in draw(StudyFolder(tmp_path, spec), "costs")


def test_a_run_is_outdone_when_another_costs_no_more_and_the_test_calls_it_better():
    costs = {"base": [0.0], "lora": [10.0], "prefix": [10.0, 12.0], "grpo": [20.0]}

    def outdone(verdict, **changed):
        rows = [build_contrast("prefix", "lora", verdict=verdict), build_contrast("grpo", "base", verdict="worse")]
        return list_outdone(Results.model_construct(contrasts=rows), "support", costs | changed)

    assert outdone("worse") == ["prefix", "grpo"]
    assert outdone("worse", prefix=[9.0, 12.0]) == ["grpo"]
    assert outdone("undecided") == outdone("equivalent") == ["grpo"]
    assert outdone("better") == ["grpo"]  # but it cost more


@pytest.mark.parametrize(("higher", "front"), [(True, [(0.0, 0.1), (11.0, 0.6)]), (False, [(0.0, 0.1), (30.0, 0.05)])])
def test_the_front_is_of_runs_that_are_better_than_all_that_cost_less(higher, front):
    costs = {"base": [0.0], "lora": [10.0, 12.0], "prefix": [11.0], "grpo": [20.0], "rloo": [30.0]}
    values = {"base": 0.1, "lora": 0.5, "prefix": 0.6, "grpo": 0.6, "rloo": 0.05}
    found = {run: Estimate.model_construct(run=run, value=value) for run, value in values.items()}
    assert list_front(found, costs, higher) == front


def test_a_run_that_is_outdone_is_grey_where_costs_are_shown(study):
    table = read_json(study.results_file)
    for verdict, is_grey in (("worse", True), ("undecided", False)):
        rows = [row | {"verdict": verdict} for row in table["contrasts"]]  # of later, dearer runs against earlier ones
        write_json(study.results_file, table | {"contrasts": rows})
        assert (GREY in draw(study, "costs")) is is_grey


def test_a_mark_says_what_it_stands_for_and_a_label_in_it_stays_text(study):
    says = re.findall(r'<g id="mark-\d+"><title>(.*?)</title>', draw(study, "tasks"))
    assert len(says) == 6 * (1 + 4 * 2)  # metrics of both tasks, the untouched run, and two seeds of each other
    assert says[1].startswith("LoRA at $5 &amp; &lt;b&gt;, seed 1 · Grade-school sums · strict accuracy ")
    assert re.fullmatch(r".* \d+\.\d\u202f% \[\d+\.\d,\u202f\d+\.\d\], n\xa0=\xa08", says[1])


def test_a_forest_plot_says_verdict_difference_and_n_of_every_row(study):
    svg, rows = draw(study, "contrasts"), read_json(study.results_file)["contrasts"]
    shown = [row for row in rows if row["declared"] and row["primary"] and row["task"] in study.tasks]
    assert len(shown) == 10 and svg.count(">n\xa0=\xa08</text>") == 10
    for verdict, sign in (("better", "▲"), ("worse", "▼"), ("equivalent", "≈"), ("undecided", "?")):
        assert svg.count(f">{sign} {verdict}</text>") == sum(row["verdict"] == verdict for row in shown)
    for row in shown:
        assert svg.count(format_difference(row["value"], row["metric"])) >= 2  # beside the row, and said by its mark


def test_long_labels_of_a_forest_plot_take_two_lines(study):
    study.spec["runs"]["grpo"]["label"] = "a label that is much too long for a line"
    svg = draw(study, "contrasts")
    assert svg.count(">a label that is much to…</text>") == svg.count(">− warm start</text>") == 2


def test_the_parts_of_a_reward_add_up_to_it_with_their_weights():
    rows = [
        {"step": 1, "reward": 1.0, "rewards/a/mean": 0.2, "rewards/b/mean": 0.8},
        {"step": 2, "reward": 0.6, "rewards/a/mean": 0.3},  # no answer that b judges
    ]
    steps, parts = stack_parts([rows, rows], {"a": 2.0, "b": 0.75})
    assert steps == [1, 2]
    assert [sum(step) for step in zip(*parts.values(), strict=True)] == pytest.approx([1.0, 0.6])


def test_a_curve_is_the_mean_of_seeds_with_a_band_from_the_lowest_to_the_highest():
    seeds = [
        [{"step": step, "tokens": 10 * step + seed, "loss": float(step + seed)} for step in (1, 2, 3)][: 3 - seed]
        for seed in (0, 1)
    ]
    curve = average(seeds, "loss", "tokens")
    assert curve == (2, [1, 2], [10.5, 20.5], [1.5, 2.5], [1.0, 2.0], [2.0, 3.0])
    assert average([*seeds, []], "loss").steps == []
    assert describe_point(curve, -1, NullTranslations()) == [*("step 2", "2.5 [2, 3]", "2 seeds, lowest to highest")]
    assert describe_point(average(seeds[:1], "loss"), 0, NullTranslations()) == ["step 1", "1"]


def test_a_headline_is_the_title_of_both_files(study):
    headline = re.search("<title>(.*?)</title>", draw(study, "rewards"))[1]
    assert headline.startswith("GRPO: mean reward ")
    assert headline.encode() in (study.root / "figures/rewards.pdf").read_bytes()


def test_a_chinese_figure_is_drawn_in_chinese(study):
    svg = draw(study, "contrasts", CHINESE)
    assert "严格准确率之差\uff08越高越好\uff09" in svg and "n\xa0=\xa08" in svg
    assert not re.search("difference|better|margin", svg)


@pytest.mark.parametrize(("value", "tick"), [(0.0, "0"), (0.005, "+0.5 pp"), (-0.02, "-2 pp"), (0.1 + 0.2, "+30 pp")])
def test_ticks_of_small_differences_are_told_apart(value, tick):
    assert format_points(value, 0) == tick


def test_a_legend_that_would_leave_the_panels_no_room_is_left_out(tmp_path):
    runs = [f"run{number}" for number in range(MOST_ENTRIES + 1)]
    study = StudyFolder(tmp_path, {"study": {"runs": runs}, "runs": {run: {"label": run} for run in runs}})
    assert len(build_run_handles(study, runs[1:])) == MOST_ENTRIES
    assert build_run_handles(study, runs) == []


def test_figures_of_many_runs_are_drawn_without_their_legend(study, tmp_path, monkeypatch):
    monkeypatch.setattr("tunelab.reporting.figures.MOST_ENTRIES", 2)
    files = tmp_path / "many.svg", tmp_path / "many.pdf"
    plot_figure.main(str(study.root), study.spec, "costs", [], *files)
    assert ">prefix tuning</text>" not in files[0].read_text(encoding="utf-8")
    assert "training time, starts included (s)" in files[0].read_text(encoding="utf-8")
