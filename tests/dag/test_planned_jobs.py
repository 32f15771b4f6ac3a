"""What a fresh checkout plans, and what a finished study plans when its selection changes."""

import fcntl
import re
import shutil
from collections import Counter
from pathlib import Path

from expected_jobs import (
    CHECKED,
    COMPARED,
    CURVES,
    DESCRIBED,
    EVERYTHING,
    METHODS,
    OVERLAP,
    SEEDS,
    carded,
    drifted,
    evaluated,
    trained,
)

from tests.forks import read_python
from tests.study_copy import PROJECT, call_snakemake, changed_config, copy_project, plan, run_stubs
from tunelab.jobs.stopping import STOPPED
from tunelab.records import hash_file, read_json

JOBS = {
    "fetch_model": 1,
    "settle_template": 1,
    "check_positions": 1,
    "measure_precision": 1,
    "inspect_model": 1,
    "fetch_dataset": 2,
    "prepare_dataset": 2,
    "measure_tokens": 2,
    "train_sft": 3,
    "train_grpo": 1,
    "render_model_card": 4,
    "generate_answers": 10,
    "measure_loss": 10,
    "score_answers": 10,
    "measure_drift": 5,
    "generate_repeats": 4,
    "measure_repeats": 4,
    "score_repeats": 4,
    "compare_methods": 1,
    "plot_figure": 7,
    "render_tables": 1,
    "measure_overlap": 1,
    "render_report": 1,
    "all": 1,
}
LORA = {"label": "Small", "method": "sft", "model": "smollm2", "dataset": "support", "training": {"max_steps": 5}}


def test_the_default_study_plans_every_job_once(project):
    jobs = plan(project)
    assert Counter(job.split()[0] for job in jobs) == JOBS
    assert jobs == EVERYTHING


def test_the_report_alone_asks_for_the_same_jobs_without_the_model_cards(project):
    assert plan(project, "results/report.html") == EVERYTHING - carded(*METHODS) - {"render_tables", "all"}


def test_the_smoke_study_plans_the_same_stages_on_its_own_folder(project):
    jobs = plan(project, "--configfile", "config/smoke.yaml")
    assert Counter(job.split()[0] for job in jobs) == JOBS | {"generate_samples": 5, "score_samples": 5}
    assert {job.split()[1] for job in jobs if job.startswith("fetch_")} == {"tiny", "chat", "sums"}


def test_a_finished_study_has_nothing_to_do(finished):
    assert "Nothing to be done" in run_stubs(finished, "--cores", "1")


def test_a_paper_and_a_bundle_are_made_of_what_is_there(finished):
    assert plan(finished, "compile_paper") == {"render_paper", "compile_paper"}
    assert plan(finished, "pack_bundle") == {"render_paper", "pack_bundle"}


def test_a_study_of_another_folder_does_not_see_the_finished_one(finished):
    with changed_config(finished, {"study": {"results": "results/mine"}}):
        assert plan(finished) == EVERYTHING


def test_a_new_seed_trains_every_run_once_more_and_leaves_the_others(finished):
    seeds = dict.fromkeys(SEEDS, "2")
    with changed_config(finished, {"study": {"seeds": [1, 2]}}):
        assert plan(finished) == trained(*METHODS, seeds=seeds) | DESCRIBED


def test_a_new_run_is_trained_and_evaluated_and_leaves_the_others(finished):
    run = LORA | {"adapter": {"peft_type": "LORA", "r": 4}}
    overlay = {"study": {"runs": [*SEEDS, "lora_r4"]}, "runs": {"lora_r4": run}}
    seeds = {"lora_r4": "1"}
    jobs = (
        {"train_sft lora_r4 1"}
        | carded("lora_r4", seeds=seeds)
        | evaluated(["lora_r4"], seeds=seeds)
        | drifted(["lora_r4"], seeds)
    )
    with changed_config(finished, overlay):
        assert plan(finished) == jobs | DESCRIBED | CHECKED


def test_a_new_run_without_adapter_publishes_a_whole_model(finished):
    overlay = {"study": {"runs": [*SEEDS, "full"]}, "runs": {"full": LORA | {"adapter": None}}}
    with changed_config(finished, overlay):
        assert {"train_sft_model full 1"} < plan(finished)


def test_a_run_that_is_defined_but_not_selected_changes_nothing(finished):
    with changed_config(finished, {"runs": {"lora_r4": LORA | {"adapter": {"peft_type": "LORA", "r": 4}}}}):
        assert plan(finished) == set()


def test_a_run_less_is_compared_anew_and_nothing_else(finished):
    with changed_config(finished, {"study": {"runs": ["base", "lora", "warmstart", "grpo"]}}):
        assert plan(finished) == DESCRIBED | CHECKED


def test_a_study_without_a_method_does_not_draw_its_curves(finished):
    with changed_config(finished, {"study": {"runs": ["base", "lora"]}, "noise": None}):
        # no pair is left that is compared on sums, whose gain would be split
        assert plan(finished) == COMPARED - {"plot_figure gains"} | CURVES | CHECKED | OVERLAP


def test_a_task_less_is_compared_anew_and_left_out_of_the_drift(finished):
    with changed_config(finished, {"study": {"tasks": ["sums"]}}):
        assert plan(finished) == COMPARED | drifted() | CHECKED | OVERLAP


def test_a_deleted_adapter_is_made_again_with_all_that_follows(finished):
    weights = finished / "results/runs/lora/seed1/adapter/adapter_model.safetensors"
    weights.rename(finished / "aside")  # and back, with the time of its making
    jobs = plan(finished)
    (finished / "aside").rename(weights)
    assert jobs == trained("lora") | COMPARED | {"plot_figure learning_curves"}


def test_a_merged_model_is_made_when_it_is_asked_for(finished):
    merged = plan(finished, "results/runs/lora/seed1/merged/model.safetensors")
    assert merged == {"check_merging lora", "merge_adapter lora 1"}


def test_a_finished_study_that_is_moved_stays_finished(finished, tmp_path):
    moved = shutil.copytree(finished, tmp_path / "elsewhere")
    assert plan(moved) == set()


def test_a_second_snakemake_in_the_same_folder_learns_in_a_sentence_of_the_first(finished):
    report = finished / "results/report.html"
    report.unlink()
    others = []
    with open(finished / ".snakemake/running.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for named in ("", "The study config/mine.yaml (results/mine) (process 4711)"):
            (finished / ".snakemake/running.lock").write_text(named, encoding="utf-8")
            code, printed = call_snakemake(finished, "--cores", "1")
            assert code == 1 and printed.partition("Building DAG of jobs...\n")[2].count("\n") == 1, printed
            others.append(printed.splitlines()[-1])
        assert not report.exists()
        assert plan(finished)  # looking is free
    rest = f" is running in {finished}; wait until it ends (`make status` tells how far it is), stop it, or work in "
    rest += "another folder by `snakemake --directory FOLDER`."
    assert others == [f"Another program{rest}", f"The study config/mine.yaml (results/mine) (process 4711){rest}"]
    run_stubs(finished, "--cores", "1")
    assert report.exists()
    told = (finished / ".snakemake/running.lock").read_text(encoding="utf-8")
    assert re.fullmatch(r"The study config/config\.yaml \(results\) \(process \d+\)", told)


def test_a_snakemake_that_is_told_to_end_while_it_selects_jobs_ends(tmp_path):
    folder = copy_project(tmp_path / "project")
    program = str(PROJECT / "tests/dag/terminated_snakemake.py")
    code, printed = read_python(folder, program, "--cores", "1", "results/datasets/sums/card.json")
    assert code == 1, printed
    assert printed.splitlines()[-1] == STOPPED
    assert "did not complete" not in printed


def test_what_the_code_says_is_remembered_for_the_next_start_and_for_jobs(project, finished):
    plan(project)
    for folder, files in ((project, [Path("train_sft.py")]), (finished, (PROJECT / "scripts").rglob("*.py"))):
        memory = read_json(folder / ".snakemake/code.json")["files"]
        assert {hash_file(PROJECT / "scripts" / file) for file in files} <= memory.keys(), folder.name
