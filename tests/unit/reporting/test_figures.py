import copy
import re
import shutil

import plot_contrasts
import plot_costs
import plot_forgetting
import plot_gains
import plot_learning_curves
import plot_rewards
import plot_signals
import plot_tasks
import pytest
import seaborn as sns

from tests.unit.comparison.results_factory import METHODS, build_study, write_results
from tests.unit.reporting.page_factory import write_comparison
from tunelab.comparison.results import Estimate
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_jsonl, write_jsonl
from tunelab.reporting.colours import COLOURS, find_colour
from tunelab.reporting.cost_figures import GREY, list_dominated
from tunelab.reporting.figures import MOST_ENTRIES, build_run_handles, format_points


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


PLOTS = {
    "tasks": plot_tasks,
    "contrasts": plot_contrasts,
    "costs": plot_costs,
    "gains": plot_gains,
    "rewards": plot_rewards,
    "learning_curves": plot_learning_curves,
    "forgetting": plot_forgetting,
    "signals": plot_signals,
}
WITHOUT_TABLE = ("rewards", "learning_curves", "signals")


def draw(study, name):
    svg, pdf = (study.root / f"figures/{name}.{ending}" for ending in ("svg", "pdf"))
    inputs = [] if name in WITHOUT_TABLE else [study.results_file]
    PLOTS[name].main(str(study.root), study.spec, *inputs, svg, pdf)
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
        ("gains", ["warm start − untouched", "format", "reasoning", "difference in strict accuracy"]),
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
    assert svg.count("LoRA at $5 &amp; &lt;b&gt;") == 2


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
        assert svg.count(words) == 1
    assert svg.count("(not logged in this run)") == 3


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


def test_a_run_is_dominated_when_another_costs_no_more_and_is_better_by_both_intervals():
    def estimate(run, low, high):
        names = {"run": run, "seed": 1, "seeds": 1, "task": "sums", "metric": "strict", "sources": ["a file"]}
        return Estimate(**names, value=(low + high) / 2, low=low, high=high, n=9, interval="wilson")

    found = {run: estimate(run, *ends) for run, ends in {"a": (0.5, 0.6), "b": (0.2, 0.4), "c": (0.3, 0.55)}.items()}
    costs = {"a": [10.0], "b": [10.0, 12.0], "c": [20.0]}
    assert list_dominated(found, costs, higher=True) == {"b"}
    assert list_dominated(found, costs, higher=False) == set()
    assert list_dominated(found, costs | {"b": [9.0, 12.0]}, higher=True) == set()


def test_a_dominated_run_is_grey(study):
    assert GREY not in draw(study, "tasks")


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
    plot_costs.main(str(study.root), study.spec, study.root / "results.json", *files)
    assert "prefix tuning" not in files[0].read_text(encoding="utf-8")
    assert "training time, starts included (s)" in files[0].read_text(encoding="utf-8")
