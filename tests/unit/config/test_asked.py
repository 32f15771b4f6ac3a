"""Which runs answer a task's first rows only: those that learnt other data and are not compared there."""

import pytest

from tests.unit.config.default_config import load

CONTRASTS = "comparison: {contrasts: [{runs: [warmstart, base], tasks: [sums]}]}"


def test_the_default_study_asks_each_run_all_of_the_task_that_it_learnt_and_some_of_the_other():
    asked = {("lora", "sums"): 32, ("prefix", "sums"): 32, ("warmstart", "support"): 32, ("grpo", "support"): 32}
    assert load().find_asked_rows() == asked


def test_without_untaught_rows_every_run_is_asked_all():
    assert load("tasks: {sums: {untaught_rows: null}, support: {untaught_rows: null}}").find_asked_rows() == {}


@pytest.mark.parametrize(
    ("contrasts", "asked_all"),
    [
        ("[{runs: [lora, base], tasks: [support]}]", False),
        ("[{runs: [lora, base], tasks: [support, sums]}]", True),
        ("[[base, lora]]", True),
    ],
)
def test_a_run_that_is_compared_on_a_task_is_asked_all_of_it(contrasts, asked_all):
    asked = load(f"comparison: {{contrasts: {contrasts}}}").find_asked_rows()
    assert (("lora", "sums") not in asked) == asked_all
    assert ("prefix", "sums") in asked


def test_a_contrast_with_a_run_that_is_left_out_asks_nothing():
    overlay = "{study: {runs: [base, lora]}, comparison: {contrasts: [{runs: [lora, prefix], tasks: [sums]}]}}"
    assert ("lora", "sums") in load(overlay).find_asked_rows()


def test_what_a_start_learnt_counts_for_the_run_that_goes_on_from_it():
    asked = load("runs: {warmstart: {dataset: support}}", CONTRASTS).find_asked_rows()
    assert {pair for pair in asked if pair[0] == "grpo"} == set()
    assert ("warmstart", "sums") not in asked
