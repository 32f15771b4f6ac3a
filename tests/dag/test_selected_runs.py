"""An overlay that selects runs of its own is planned as it is, by Snakemake and by the tools beside it."""

import pytest

from tests.study_copy import call_snakemake, plan

SELECTIONS = {
    "runs of the default study": "study: {runs: [base, lora], results: results/mine}",
    "a start on another model": (
        "{study: {runs: [base, warmstart], results: results/mine}, "
        "models: {tiny: {source: random, architecture: {model_type: llama}}}, "
        "runs: {base: {model: tiny}, warmstart: {model: tiny}}}"
    ),
    "one run": "study: {runs: [prefix], results: results/mine}",
}


@pytest.mark.parametrize("overlay", SELECTIONS.values(), ids=SELECTIONS)
def test_runs_that_an_overlay_selects_are_planned_without_another_word(project, overlay):
    (project / "mine.yaml").write_text(overlay, encoding="utf-8")
    planned = plan(project, "--configfile", "mine.yaml")
    assert planned
    assert not [job for job in planned if "grpo" in job or "again" in job]


def test_a_selection_of_the_command_line_counts_as_the_highest(project):
    chosen = ("--dry-run", "--cores", "1", "--config", "study={runs: [base, lora], results: results/mine}")
    assert call_snakemake(project, *chosen)[0] == 0
    code, printed = call_snakemake(project, *chosen, "noise={rows: 4}")
    assert code == 1
    assert "noise.run: 'grpo' is not in study.runs; take a run of the study (base, lora)" in printed
