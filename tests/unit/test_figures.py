import re

import plot_learning_curves
import plot_rewards
import plot_tasks
import pytest
import seaborn as sns
from results_factory import build_study, write_results

from tunelab.comparison import build_rows
from tunelab.errors import UserError
from tunelab.records import read_jsonl, write_json, write_jsonl
from tunelab.study import COLOURS, Study


@pytest.fixture
def study(tmp_path):
    spec = build_study(seeds=(1, 2))
    spec["runs"]["lora"]["label"] = "LoRA at $5 & <b>"
    return Study(tmp_path, write_results(tmp_path, spec, rows=8))


def draw(study, name):
    figure, results = study.root / f"figures/{name}.svg", str(study.root)
    if name == "tasks":
        write_json(study.results_file, build_rows(study))
        plot_tasks.main(results, study.spec, study.results_file, figure)
    elif name == "rewards":
        plot_rewards.main(results, study.spec, figure)
    else:
        plot_learning_curves.main(results, study.spec, figure)
    return figure.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tasks", ["Grade-school sums", "Technical questions", "strict accuracy", "ROUGE-L", "prefix tuning", "GRPO"]),
        (
            "rewards",
            ["GRPO: reward", "correctness", "strict format", "xml count", "groups without variance", "entropy"],
        ),
        ("learning_curves", ["trained on tech", "trained on sums", "prefix tuning", "validation rows", "tokens seen"]),
    ],
)
def test_text_stays_text_and_a_redrawn_figure_is_the_same_byte_for_byte(study, name, words):
    svg = draw(study, name)
    for word in words:
        assert word in svg
    assert draw(study, name) == svg
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
            assert study.colour(run) in svg


def test_colours_are_seaborns_colour_blind_palette():
    assert list(COLOURS) == [colour.lower() for colour in sns.color_palette("colorblind").as_hex()]


def test_a_curve_that_was_not_logged_is_said_to_be_missing(study):
    for seed in (1, 2):
        path = study.run_file("grpo", seed, "history.jsonl")
        write_jsonl(path, [{name: value for name, value in row.items() if name != "kl"} for row in read_jsonl(path)])
    assert draw(study, "rewards").count("(not logged in this run)") == 1


@pytest.mark.parametrize(("name", "method"), [("rewards", "grpo"), ("learning_curves", "sft")])
def test_a_study_without_such_runs_is_told_so(tmp_path, name, method):
    study = Study(tmp_path, write_results(tmp_path, build_study(runs=("base",)), rows=8))
    with pytest.raises(UserError, match=rf"study\.runs has no run with `method: {method}`"):
        draw(study, name)
