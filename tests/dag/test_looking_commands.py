"""Snakemake's commands that look at a study, or tidy what is recorded of it, need no number of cores."""

import pytest

from tests.forks import read_python
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


def test_what_snakemake_reports_of_a_study_lies_beside_its_page(finished, project):
    code, printed = read_python(finished, "scripts/report_provenance.py")
    assert code == 0, printed
    assert printed.endswith("results/provenance.html tells how each artefact of results/report.html was made.\n")
    assert (finished / "results/provenance.html").is_file()
    code, printed = read_python(project, "scripts/report_provenance.py", "--configfile", "config/smoke.yaml")
    assert code == 1
    assert (
        printed == "Error: results/smoke/report.html is not made yet; run `make report` first, with the same CONFIG.\n"
    )
