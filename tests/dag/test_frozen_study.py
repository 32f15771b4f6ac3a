"""What a cluster's job sees of edits that were made after the study was planned.

Snakemake starts itself anew for such a job, with `--mode remote`; a plan in that mode shows what the job would read.
"""

import pytest

from tests.study_copy import appended, call_snakemake, changed_config, changed_file, plan

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
