"""What a cluster's job sees of edits that were made after the study was planned.

Snakemake starts itself anew for such a job, with `--mode remote`; a plan in that mode shows what the job would read.
"""

import os
import subprocess
import sys

import pytest
from study_copy import appended, changed_config, changed_file, plan

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
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--mode", "remote"],
            cwd=finished,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | frozen,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert (
        "scripts/tunelab/evaluation/losses.py was edited after this run was planned; start Snakemake again."
        in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_comments_of_code_may_be_edited_while_a_job_waits(finished, frozen):
    with appended(finished / "scripts/tunelab/evaluation/losses.py", "\n# a comment\n"):
        assert plan(finished, "--mode", "remote", **frozen) == set()
