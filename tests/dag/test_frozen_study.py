"""What a cluster's job sees of edits that were made after the study was planned.

Snakemake starts itself anew for such a job, with `--mode remote`; a plan in that mode shows what the job would read.
"""

import json
import re

import pytest

from tests.study_copy import appended, call_snakemake, changed_config, changed_file, dry_run, plan

EDIT = {"runs": {"lora": {"training": {"learning_rate": 1.0e-4}}}}


@pytest.fixture
def frozen(finished):
    """The environment that the main process leaves to its jobs."""
    (file,) = (finished / ".snakemake/frozen").glob("*.json")
    return {"TUNELAB_FROZEN_STUDY": str(file)}


def test_a_queued_job_takes_the_config_that_it_was_planned_with(finished, frozen):
    with changed_config(finished, EDIT):
        assert plan(finished, "--mode", "remote", **frozen) == set()
        assert "train_sft lora 1" in plan(finished)  # afterwards the edit is seen


def test_without_the_frozen_study_the_edit_would_leak(finished):
    with changed_config(finished, EDIT):
        assert "train_sft lora 1" in plan(finished, "--mode", "remote")


def test_a_queued_job_refuses_code_that_it_was_not_planned_with(finished, frozen):
    with changed_file(finished / "scripts/tunelab/evaluation/losses.py", "batch_size", "size", 2):
        code, printed = call_snakemake(finished, "--dry-run", "--cores", "1", "--mode", "remote", **frozen)
    assert code == 1
    file = "scripts/tunelab/evaluation/losses.py"
    assert f"{file} was edited after this run was planned; start Snakemake again." in printed
    assert "Traceback" not in printed


def test_comments_of_code_may_be_edited_while_a_job_waits(finished, frozen):
    with appended(finished / "scripts/tunelab/evaluation/losses.py", "\n# a comment\n"):
        assert plan(finished, "--mode", "remote", **frozen) == set()


def test_a_queued_job_claims_what_was_claimed_for_it(finished, frozen, tmp_path):
    """Slurm's job steps ask for the threads again, and are refused more than the job has."""
    with open(frozen["TUNELAB_FROZEN_STUDY"], encoding="utf-8") as file:
        study = json.load(file)
    study["plan"]["taken"] = {"train_sft": {"train_sft lora 1": {"megabytes": 2000, "minutes": 10, "threads": 3}}}
    queued = tmp_path / "queued.json"
    queued.write_text(json.dumps(study), encoding="utf-8")
    options = ("--mode", "remote", "--cores=8", "--forcerun", "train_sft")
    printed = dry_run(finished, *options, TUNELAB_FROZEN_STUDY=str(queued))
    jobs = re.findall(r"^(?:local)?rule train_sft:((?:\n    .*)*)", printed, re.MULTILINE)
    (own,) = [text for text in jobs if "run=lora," in text]
    assert "threads: 3" in own and "mem_mb=4000" in own and "runtime=35" in own
