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


def test_the_blogs_optional_runs_draw_their_answers_once_and_only_if_they_are_selected(project):
    (project / "more.yaml").write_text(
        "study: {runs: [qwen_05b, qwen_05b_grpo, qwen_05b_rft, qwen_05b_dpo], tasks: [gsm8k]}", encoding="utf-8"
    )
    planned = plan(project, "--configfile", "config/blog.yaml", "more.yaml")
    learnt = {
        "draw_samples qwen_05b_answers 0",
        "train_sft_model qwen_05b_rft 1",
        "train_preferences_model qwen_05b_dpo 1",
    }
    assert learnt < planned
    assert not {job for job in planned if job.startswith("draw_samples")} - learnt
    assert not learnt & plan(project, "--configfile", "config/blog.yaml")
