"""A finished study whose run learns from a teacher, one edit at a time."""

import contextlib

import pytest
import yaml
from expected_jobs import COMPARED_WITHOUT_DRIFT as COMPARED

from tests.study_copy import changed_config, copy_project, plan, run_stubs

STUDY = """
study: {runs: [base, warmstart, far, taught], tasks: [sums]}
noise: null
drift: null
comparison: {contrasts: [[taught, far], [taught, warmstart]]}
models:
  spare: {source: random, architecture: {model_type: llama}}
runs:
  far: {label: Far, method: sft, model: smollm2, dataset: sums, init_from: warmstart, training: {max_steps: 5}}
  taught:
    {label: Taught, method: distillation, model: smollm2, dataset: sums, init_from: warmstart, teacher: far,
     training: {max_steps: 5}}
"""
CURVES, SIGNALS = {"plot_figure learning_curves"}, {"plot_figure signals"}


def learnt(run, method="train_sft"):
    """The training of a run and all that is made and measured of it."""
    stages = (f"{method} {run} 1", f"render_model_card {run} 1 adapter", f"measure_loss {run} 1 sums")
    return {*stages, f"generate_answers {run} 1 sums", f"score_answers {run} 1 sums"}


TAUGHT = learnt("taught", "train_distillation") | SIGNALS


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("taught"))
    (folder / "taught.yaml").write_text(STUDY, encoding="utf-8")
    run_stubs(folder, "--cores", "2", "--configfile", "taught.yaml")
    return folder


@contextlib.contextmanager
def edited(folder, overlay):
    with changed_config(folder, overlay, "taught.yaml"):
        yield plan(folder, "--configfile", "taught.yaml")


def test_the_student_is_trained_after_its_teacher(finished):
    files = [finished / f"results/runs/{run}/seed1/adapter/adapter_model.safetensors" for run in ("far", "taught")]
    assert files[0].stat().st_mtime < files[1].stat().st_mtime
    assert plan(finished, "--configfile", "taught.yaml") == set()


CHECK = {"fetch_model spare", "check_vocabulary smollm2 spare"}
EDITS = {
    "the teacher's label": ({"runs": {"far": {"label": "Teacher"}}}, COMPARED - {"compare_methods"} | CURVES),
    "the student's label": ({"runs": {"taught": {"label": "Student"}}}, COMPARED - {"compare_methods"} | SIGNALS),
    "the teacher's learning rate": (
        {"runs": {"far": {"training": {"learning_rate": 1.0e-4}}}},
        learnt("far") | TAUGHT | COMPARED | CURVES,
    ),
    "the student's divergence": ({"runs": {"taught": {"training": {"beta": 0.5}}}}, TAUGHT | COMPARED),
    "the start of both": (
        {"runs": {"warmstart": {"training": {"max_steps": 26}}}},
        learnt("warmstart") | learnt("far") | TAUGHT | COMPARED | CURVES,
    ),
    "a budget, which only trainings know": (
        {"study": {"budget": {"axis": "flops", "limit": 1.0e15}}},
        learnt("warmstart") | learnt("far") | TAUGHT | COMPARED | CURVES,
    ),
    "another teacher, the untouched model": ({"runs": {"taught": {"teacher": "smollm2"}}}, TAUGHT | COMPARED),
    "another teacher, of another model": ({"runs": {"taught": {"teacher": "spare"}}}, CHECK | TAUGHT | COMPARED),
    "a student that is defined but not selected": (
        {"runs": {"idle": yaml.safe_load(STUDY)["runs"]["taught"] | {"label": "Idle"}}},
        set(),
    ),
}


@pytest.mark.parametrize(("overlay", "expected"), EDITS.values(), ids=EDITS)
def test_an_edit_asks_for_what_depends_on_it(finished, overlay, expected):
    with edited(finished, overlay) as jobs:
        # the lengths that are sent are looked at again, which nothing depends on
        assert jobs - {"check_positions smollm2"} == expected


def test_each_seed_has_the_teacher_of_the_same_seed(finished):
    with edited(finished, {"study": {"seeds": [1, 2]}}) as jobs:
        trained = {job for job in jobs if job.startswith("train")}
    assert trained == {"train_sft warmstart 2", "train_sft far 2", "train_distillation taught 2"}


def test_a_whole_model_is_taught_and_teaches(finished):
    whole = {"init_from": None, "adapter": None}
    with edited(finished, {"runs": {"far": whole, "taught": whole}}) as jobs:
        assert {"train_sft_model far 1", "train_distillation_model taught 1"} < jobs
