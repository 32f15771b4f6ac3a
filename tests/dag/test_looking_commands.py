"""Snakemake's commands that look at a study, or tidy what is recorded of it, need no number of cores."""

import pytest

from tests.study_copy import call_snakemake

COMMANDS = (
    *("--list-rules", "--list-target-rules", "--lint", "--unlock", "--cleanup-shadow", "--list-untracked"),
    *("--dag", "--d3dag", "--rulegraph", "--filegraph", "--summary", "--detailed-summary"),
    *("--list-params-changes", "--list-input-changes"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_runs_no_job_asks_for_no_cores(project, command):
    code, printed = call_snakemake(project, command)
    assert code == 0, printed


def test_so_does_snakemakes_own_report(finished, tmp_path):
    code, printed = call_snakemake(finished, "--report", str(tmp_path / "report.html"))
    assert code == 0, printed
