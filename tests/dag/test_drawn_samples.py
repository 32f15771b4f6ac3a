"""A finished study whose run learns from drawn answers, one edit at a time."""

import contextlib

import pytest
from expected_jobs import COMPARED_WITHOUT_DRIFT as COMPARED

from tests.study_copy import changed_config, copy_project, plan, run_stubs

STUDY = """
study: {runs: [base, warmstart, rft, again], tasks: [sums]}
noise: null
drift: null
comparison: {contrasts: [[rft, warmstart]]}
samples:
  first: {run: warmstart, dataset: sums}
  second: {run: rft, dataset: sums, rows: 64}
runs:
  rft: &rft {label: RFT, method: sft, model: smollm2, init_from: warmstart, samples: first, training: {max_steps: 5}}
  again: {<<: *rft, label: RFT twice, init_from: rft, samples: second}
"""
CURVES = {"plot_figure learning_curves"}


def learnt(*runs):
    """The training of these runs and all that is made and measured of them."""
    stages = ("train_sft {} 1", "render_model_card {} 1 adapter", "generate_answers {} 1 sums")
    stages += ("score_answers {} 1 sums", "measure_loss {} 1 sums")
    return {stage.format(run) for run in runs for stage in stages}


SECOND = {"draw_samples second 1", "choose_samples again 1"} | learnt("again")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("drawn"))
    (folder / "rft.yaml").write_text(STUDY, encoding="utf-8")
    run_stubs(folder, "--cores", "2", "--configfile", "rft.yaml")
    return folder


@contextlib.contextmanager
def edited(folder, overlay):
    with changed_config(folder, overlay, "rft.yaml"):
        yield plan(folder, "--configfile", "rft.yaml")


def test_rounds_are_drawn_one_after_the_other(finished):
    report = finished / "results/samples/first/seed1/samples.parquet"
    again = finished / "results/samples/second/seed1/samples.parquet"
    assert report.stat().st_mtime < again.stat().st_mtime
    assert plan(finished, "--configfile", "rft.yaml") == set()


EDITS = {
    "a run's label": ({"runs": {"rft": {"label": "Own answers"}}}, COMPARED - {"compare_methods"} | CURVES),
    "temperature of the second round": (
        {"samples": {"second": {"temperature": 0.8}}},
        SECOND | COMPARED | CURVES,
    ),
    "rewards of the first round": (
        {"samples": {"first": {"rewards": {"weights": {"correctness": 1.0}}}}},
        {"draw_samples first 1", "choose_samples rft 1"} | learnt("rft") | SECOND | COMPARED | CURVES,
    ),
    "which of them are chosen": (
        {"runs": {"again": {"select": {"per_question": 2}}}},
        {"choose_samples again 1"} | learnt("again") | COMPARED | CURVES,
    ),
    "the learning rate of the run whose answers are drawn": (
        {"runs": {"rft": {"training": {"learning_rate": 1.0e-4}}}},
        learnt("rft") | SECOND | COMPARED | CURVES,
    ),
    "an entry that nobody learns from": ({"samples": {"spare": {"run": "base", "dataset": "sums"}}}, set()),
}


@pytest.mark.parametrize(("overlay", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit_asks_for_what_depends_on_it(finished, overlay, expected):
    with edited(finished, overlay) as jobs:
        assert jobs == expected


def test_answers_of_the_untouched_model_are_drawn_once_for_all_seeds(finished):
    overlay = {"samples": {"first": {"run": "base"}}, "study": {"seeds": [1, 2], "runs": ["base", "warmstart", "rft"]}}
    with edited(finished, overlay) as jobs:
        assert {job for job in jobs if job.startswith("draw_samples")} == {"draw_samples first 0"}
        assert {job for job in jobs if job.startswith("choose_samples")} == {
            "choose_samples rft 1",
            "choose_samples rft 2",
        }
