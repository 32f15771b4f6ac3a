"""Which runs answer a task's first rows only: those that learnt other data and are not compared there."""

import pytest

from tests.unit.config.default_config import load
from tunelab.config.asked import find_asked_rows

CONTRASTS = "comparison: {contrasts: [{runs: [warmstart, base], tasks: [sums]}]}"


def test_the_default_study_asks_each_run_all_of_the_task_that_it_learnt_and_some_of_the_other():
    asked = {("lora", "sums"): 32, ("prefix", "sums"): 32, ("warmstart", "support"): 32, ("grpo", "support"): 32}
    assert find_asked_rows(load()) == asked


def test_without_untaught_rows_every_run_is_asked_all():
    assert find_asked_rows(load("tasks: {sums: {untaught_rows: null}, support: {untaught_rows: null}}")) == {}


@pytest.mark.parametrize(
    ("contrasts", "asked_all"),
    [
        ("[{runs: [lora, base], tasks: [support]}]", False),
        ("[{runs: [lora, base], tasks: [support, sums]}]", True),
        ("[[base, lora]]", True),
    ],
)
def test_a_run_that_is_compared_on_a_task_is_asked_all_of_it(contrasts, asked_all):
    asked = find_asked_rows(load(f"comparison: {{contrasts: {contrasts}}}"))
    assert (("lora", "sums") not in asked) == asked_all
    assert ("prefix", "sums") in asked


def test_a_contrast_with_a_run_that_is_left_out_asks_nothing():
    overlay = "{study: {runs: [base, lora]}, comparison: {contrasts: [{runs: [lora, prefix], tasks: [sums]}]}}"
    assert ("lora", "sums") in find_asked_rows(load(overlay))


def test_what_a_start_learnt_counts_for_the_run_that_goes_on_from_it():
    asked = find_asked_rows(load("runs: {warmstart: {dataset: support}}", CONTRASTS))
    assert {pair for pair in asked if pair[0] == "grpo"} == set()
    assert ("warmstart", "sums") not in asked
