"""`make report PARTIAL=1`: the page of what is there, made again by a complete run, and nothing else with it."""

import json
import re
import shutil
from pathlib import Path

import pytest
from expected_jobs import CURVES, DRAWN, OVERLAP, PAGE, REWARDS, evaluated

from tests.forks import read_python
from tests.study_copy import PROJECT, changed_config, copy_project, fail_stubs, plan, run_stubs

HEAVY = re.compile(r"train_|generate_|measure_(loss|drift|repeats)|draw_|score_|fetch_|prepare_|inspect_")


@pytest.fixture
def folder(tmp_path):
    return copy_project(tmp_path)


def make_partial(folder: Path, *arguments: str, code: int = 3) -> str:
    """Return what `make report PARTIAL=1` prints, its jobs being stubs."""
    tool = (str(PROJECT / "tests/stubbed_tool.py"), "scripts/report_partial.py", *arguments)
    returned, printed = read_python(folder, *tool)
    assert returned == code, printed[-4000:]
    assert "Traceback" not in printed, printed
    return printed


def list_run(printed: str) -> set[str]:
    """List the jobs that ran, by the lines that tell of their ends."""
    return set(re.findall(r"^done    (.*?),", printed, re.M))


def read_told(folder: Path) -> dict:
    return json.loads((folder / ".snakemake/partial.json").read_text(encoding="utf-8"))


def name_holes(folder: Path) -> dict[tuple, tuple]:
    return {
        (hole["what"], hole["name"]): (hole["kind"], hole["job"], hole["reason"]) for hole in read_told(folder)["holes"]
    }


def time_results(folder: Path) -> dict[str, int]:
    """Return when each file was made that belongs to single runs, tasks or data sets, not to all that are shown."""
    shown = {"overlap.json", "measure_overlap.json", "measure_overlap.log"}
    made = [path for path in (folder / "results").rglob("*") if path.is_file() and path.name not in shown]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in made}


def test_a_failed_arm_leaves_the_others_their_page_and_a_complete_run_replaces_it(folder):
    printed = fail_stubs(folder, "train_sft warmstart 1")
    assert "`make report PARTIAL=1` makes the page of what is there." in printed.splitlines()
    before = time_results(folder)
    printed = make_partial(folder)
    ran = list_run(printed)
    assert ran and not [job for job in ran if HEAVY.match(job)]
    failed = ("failed", "train_sft warmstart 1", "train_sft warmstart 1 has seen enough.")
    assert name_holes(folder) == dict.fromkeys((("run", "warmstart"), ("run", "grpo"), ("noise", "")), failed)
    assert (read_told(folder)["arms"], read_told(folder)["of"]) == (3, 5)
    assert read_told(folder)["trained"] == ["warmstart", "grpo"]
    assert printed.splitlines()[-4:] == [
        "results/report.html: 3 of 5 arms (a run with one seed) are on the page, which lacks:",
        *(f"  {what}: {failed[1]} failed: {failed[2]}" for what in ("run warmstart", "run grpo", "noise")),
    ]
    after = time_results(folder)
    assert {path: after[path] for path in before} == before, "nothing was made anew that was there"
    # a second time there is nothing to do, and the same is told
    assert not list_run(make_partial(folder))
    assert list_run(make_partial(folder, "--", "pack_bundle")) == {"render_paper", "pack_bundle"}
    rest = plan(folder)
    evaluations = {job for job in rest if HEAVY.match(job)}
    kept = evaluated(["base", "lora", "prefix"]) | {"train_sft lora 1", "train_sft prefix 1"}
    assert not evaluations & kept and {"train_sft warmstart 1", "train_grpo grpo 1"} <= evaluations
    assert rest >= DRAWN | PAGE | CURVES
    run_stubs(folder, "--cores", "2")
    assert plan(folder) == set()
    assert make_partial(folder, code=0).count("done    ") == 0


def test_a_partial_report_is_offered_only_where_it_helps(folder):
    weights = "results/runs/lora/seed1/adapter/adapter_config.json"
    for failing, goal in (
        ("fetch_model smollm2", "all"),  # nothing is whole
        ("train_sft lora 1", weights),  # nobody asked for a page
        ("render_report", "all"),  # the same would fail again
        ("compile_paper", "compile_paper"),
    ):
        printed = fail_stubs(folder, failing, goal=goal)
        assert f"  {failing}: {failing} has seen enough." in printed.splitlines()
        assert "PARTIAL=1" not in printed
    (folder / weights).unlink()
    assert "PARTIAL=1" in fail_stubs(folder, "train_sft lora 1")


def test_nothing_else_becomes_stale_by_it(folder):
    fail_stubs(folder, "generate_answers lora 1 sums")
    before = plan(folder)
    make_partial(folder)
    # but what is of all runs, and of some now
    assert plan(folder) == before | CURVES | REWARDS | OVERLAP
    assert name_holes(folder) == {
        ("run", "lora"): (
            "failed",
            "generate_answers lora 1 sums",
            "generate_answers lora 1 sums has seen enough.",
        )
    }


@pytest.mark.parametrize(
    ("failing", "runs", "seeds"),
    [
        # a seed less keeps three runs of two seeds, a run less two of three
        (("train_sft lora 2",), ["base", "lora", "prefix"], [1, 3]),
        (("train_sft lora 2", "train_sft lora 3"), ["base", "prefix"], [1, 2, 3]),
    ],
)
def test_a_run_or_a_seed_is_left_out_whichever_keeps_more_arms(folder, failing, runs, seeds):
    with changed_config(folder, {"study": {"seeds": [1, 2, 3], "runs": ["base", "lora", "prefix"]}, "noise": None}):
        fail_stubs(folder, *failing)
        make_partial(folder)
    shown = {path.parts[-3] for path in (folder / "results").glob("runs/*/*/scores.jsonl")}
    holes = name_holes(folder)
    gone = {name for what, name in holes if what == "run"}, {name for what, name in holes if what == "seed"}
    assert gone == ({"base", "lora", "prefix"} - set(runs), {"1", "2", "3"} - set(map(str, seeds))), shown


def test_a_task_that_fails_for_all_is_left_out(folder):
    fail_stubs(folder, *(f"measure_loss {run} {seed} sums" for run, seed in list_arms()))
    make_partial(folder)
    assert set(name_holes(folder)) == {("task", "sums")}


def test_a_data_set_that_fails_takes_its_task_and_its_runs_with_it(folder):
    fail_stubs(folder, "fetch_dataset sums")
    make_partial(folder)
    holes = name_holes(folder)
    # the drift is measured on the rows of all tasks
    assert set(holes) == {("run", "warmstart"), ("run", "grpo"), ("task", "sums"), ("drift", ""), ("noise", "")}
    assert {cause[1] for cause in holes.values()} == {"fetch_dataset sums"}


def test_drift_that_fails_for_all_is_left_out(folder):
    fail_stubs(folder, *(f"measure_drift {run} {seed}" for run, seed in list_arms()))
    make_partial(folder)
    assert set(name_holes(folder)) == {("drift", "")}


def test_repeats_that_fail_are_left_out_alone(folder):
    fail_stubs(folder, "measure_repeats again sums")
    make_partial(folder)
    assert set(name_holes(folder)) == {("noise", "")}


def test_what_an_edit_made_stale_is_missing_with_the_edit_as_its_reason(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "project", symlinks=True)
    shutil.rmtree(folder / "results/logs")  # which are those of jobs that failed, as long as these have no cards
    with changed_config(folder, {"runs": {"lora": {"training": {"learning_rate": 1.0e-4}}}}):
        make_partial(folder)
    holes = name_holes(folder)
    assert holes == {
        ("run", "lora"): ("changed", "train_sft lora 1", "runs.lora.training.learning_rate: 0.0003 → 0.0001")
    }


def test_the_untouched_model_alone_is_a_page(folder):
    fail_stubs(folder, "train_sft lora 1", "train_sft prefix 1", "train_sft warmstart 1")
    make_partial(folder)
    assert (read_told(folder)["arms"], len(read_told(folder)["pairs"])) == (1, 6)


def test_with_nothing_whole_there_is_a_sentence(folder):
    said = "There is nothing to report yet: no run has finished a task. fetch_model smollm2 "
    assert said.replace("model smollm2", "dataset sums") + "has not run yet." in make_partial(folder, code=1)
    fail_stubs(folder, "fetch_model smollm2")
    assert f"{said}failed: fetch_model smollm2 has seen enough." in make_partial(folder, code=1)
    assert not (folder / "results/report.html").exists()


def list_arms():
    return [("base", 0), *((run, 1) for run in ("lora", "prefix", "warmstart", "grpo"))]
