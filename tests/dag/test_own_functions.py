"""A finished study with rewards and metrics of its own: an edit of their files asks for what runs them."""

import contextlib

import pytest
from expected_jobs import COMPARED_WITHOUT_DRIFT as COMPARED

from tests.study_copy import appended, call_snakemake, changed_file, copy_project, plan, put_back, run_stubs

STUDY = """
study: {runs: [base, warmstart, grpo, rft], tasks: [support, sums]}
noise: null
drift: null
comparison: {contrasts: [[grpo, warmstart]], margins: {waste: 0.1}}
samples:
  play: {run: warmstart, dataset: sums, rewards: {functions: {clear: mine/drawn.py}, weights: {clear: 1}}}
runs:
  grpo: {rewards: {functions: {brevity: mine/learnt.py}, weights: {brevity: 0.2}}}
  rft: {label: RFT, method: sft, model: smollm2, init_from: warmstart, samples: play, training: {max_steps: 5}}
tasks: {support: {metrics: {waste: {file: mine/measured.py, better: lower}}}}
"""
FUNCTION = "def {}(completions, **columns):\n    return [1.0 for _ in completions]\n"
SEEDS = {"base": 0, "warmstart": 1, "grpo": 1, "rft": 1}


def scored(task):
    return {f"score_answers {run} {seed} {task}" for run, seed in SEEDS.items()}


def learnt(run, method):
    stages = [f"{method} {run} 1", f"render_model_card {run} 1 adapter"]
    measured = ("generate_answers", "score_answers", "measure_loss")
    return {*stages, *(f"{stage} {run} 1 {task}" for stage in measured for task in ("support", "sums"))}


LEARNT = learnt("grpo", "train_grpo") | scored("sums") | COMPARED | {"plot_figure rewards"}
DRAWN = {"draw_samples play 1", "choose_samples rft 1", "plot_figure learning_curves"}
DRAWN |= learnt("rft", "train_sft") | scored("sums") | COMPARED
MEASURED = scored("support") | COMPARED


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("own"))
    (folder / "own.yaml").write_text(STUDY, encoding="utf-8")
    (folder / "mine").mkdir()
    for file, name in (("learnt", "brevity"), ("drawn", "clear"), ("measured", "waste")):
        (folder / f"mine/{file}.py").write_text(FUNCTION.format(name), encoding="utf-8")
    learnt = folder / "mine/learnt.py"
    learnt.write_text("from tunelab.numbers import normalise_number\n\n\n" + learnt.read_text(), encoding="utf-8")
    run_stubs(folder, "--cores", "2", "--configfile", "own.yaml")
    assert plan_own(folder) == set()
    return folder


def plan_own(folder, *arguments, **environment):
    return plan(folder, "--configfile", "own.yaml", *arguments, **environment)


@pytest.mark.parametrize(
    ("file", "expected"), [("learnt", LEARNT), ("drawn", DRAWN), ("measured", MEASURED)], ids=["run", "draw", "task"]
)
def test_an_edit_asks_for_what_runs_the_function_and_a_comment_for_nothing(finished, file, expected):
    with appended(finished / f"mine/{file}.py", "\n# a comment\n"):
        assert plan_own(finished) == set()
    with appended(finished / f"mine/{file}.py", "\n\ndef stranger():\n    return 1\n"):
        assert plan_own(finished) == expected


def test_a_module_of_the_project_that_a_function_uses_counts_with_it(finished):
    with appended(finished / "scripts/tunelab/numbers.py", "\n\ndef stranger():\n    return 1\n"):
        assert "train_grpo grpo 1" in plan_own(finished)


def test_a_file_that_moves_is_known_by_what_it_holds(finished):
    old, new = finished / "mine/learnt.py", finished / "mine/moved.py"
    old.rename(new)
    try:
        with changed_file(finished / "own.yaml", "mine/learnt.py", "mine/moved.py"):
            assert plan_own(finished) <= {
                "render_model_card grpo 1 adapter",
                "plot_figure rewards",
                "render_report",
                "all",
            }
    finally:
        new.rename(old)


def test_a_queued_job_refuses_a_function_that_it_was_not_planned_with(finished):
    (file,) = (finished / ".snakemake/frozen").glob("*.json")
    planned = {"TUNELAB_FROZEN_STUDY": str(file)}
    remote = ("--dry-run", "--cores", "1", "--mode", "remote", "--configfile", "own.yaml")
    with appended(finished / "mine/drawn.py", "\n# a comment\n"):
        assert call_snakemake(finished, *remote, **planned)[0] == 0
    for more in ("\nX = 1\n", "\nx = (\n"):
        with appended(finished / "mine/drawn.py", more):
            code, printed = call_snakemake(finished, *remote, **planned)
        assert (
            code == 1
            and "mine/drawn.py, or a file that it names, was edited after this run was planned; start Snakemake again."
            in printed
        )
        assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (("def brevity", "def brevty"), "has no function brevity; it has brevty. Write `def brevity("),
        (("):\n", ")\n"), ", line 4: is no Python (expected ':'); mend it"),
    ],
)
def test_a_function_that_cannot_be_run_is_told_by_a_dry_run(finished, edit, sentence):
    with changed_file(finished / "mine/learnt.py", *edit):
        code, printed = call_snakemake(finished, "--dry-run", "--cores", "1", "--configfile", "own.yaml")
    told = [line for line in printed.splitlines() if line.startswith("  runs.grpo.rewards.functions.brevity: ")]
    assert code == 1 and "Traceback" not in printed
    assert len(told) == 1 and f"'mine/learnt.py'{'' if sentence[0] == ',' else ' '}{sentence}" in told[0]


def test_the_projects_own_example_is_found_from_every_folder(finished, tmp_path):
    with put_back(finished / "own.yaml") as before, contextlib.chdir(finished):
        text = before.replace("mine/learnt.py", "config/rewards/brevity.py").replace("mine/", f"{finished}/mine/")
        (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    arguments = ("--snakefile", str(finished / "Snakefile"), "--configfile", "own.yaml", "--dry-run", "--cores", "1")
    code, printed = call_snakemake(tmp_path, *arguments)
    assert code == 0 and "train_grpo" in printed, printed[-2000:]
