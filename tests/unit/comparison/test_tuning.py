"""Choosing settings: planted optima are found, luck is not followed, and what did not learn is worst."""

import random

import numpy as np
import pytest

from tunelab.comparison.bootstrap import Measured, cross_differences
from tunelab.comparison.tuning import (
    choose,
    estimate_error,
    expect_maximum,
    find_edges,
    measure_distance,
    rank_settings,
)
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.records import write_json, write_jsonl

RATE = "training.learning_rate"


def write_trials(root, right, own=3e-4, seeds=(101,), n=200, diverged=(), noise=0.0):
    """Write a study of trials on sums: `right` has each rate's share of right answers."""
    ease = [random.Random(f"item {i}").random() for i in range(n)]
    names = {rate: f"lora.learning_rate-{rate}" for rate in right}
    study = {
        "study": {
            "results": "results",
            "runs": list(names.values()),
            "seeds": list(seeds),
            "tasks": ["sums.validation"],
        },
        "runs": {name: {"method": "sft", "settings": {RATE: rate}} for rate, name in names.items()},
        "tasks": {
            "sums.validation": {"kind": "maths", "dataset": "sums", "sampling": None, "untaught_rows": None},
        },
        "tuned": {"run": "lora", "own": {RATE: own}, "metric": "strict", "rows": "validation"},
    }
    folder = StudyFolder(root, study)
    for rate, name in names.items():
        for seed in seeds:
            drawn = random.Random(f"{rate} {seed}")
            rows = [{"id": f"{i:03}", "strict": ease[i] + noise * drawn.uniform(-1, 1) < right[rate]} for i in range(n)]
            write_jsonl(folder.task_file(name, seed, "sums.validation", "scores.jsonl"), rows)
            why = "The loss became NaN at step 2." if rate in diverged else None
            write_json(folder.run_file(name, seed, "training.json"), {"diverged": why, "train_seconds": 10.0})
    return folder


def test_a_planted_optimum_is_found(tmp_path):
    made = choose(write_trials(tmp_path, {1e-4: 0.2, 3e-4: 0.4, 1e-3: 0.8, 3e-3: 0.3}))
    assert made.settings == {RATE: 1e-3}
    assert made.chosen == made.best == "lora.learning_rate-0.001"
    assert made.edges == {}
    assert made.gained.value == pytest.approx(0.4, abs=0.1)
    assert made.train_seconds == 40.0
    assert [trial.near for trial in made.trials] == [False, False, True, False]
    assert made.n == 200


def test_what_is_within_one_standard_error_of_the_best_does_not_move_the_run(tmp_path):
    near = {1e-4: 0.5, 3e-4: 0.495, 1e-3: 0.505, 3e-3: 0.5}
    made = choose(write_trials(tmp_path, near, noise=0.3))
    assert made.settings == {RATE: 3e-4}
    assert made.gained is None


def test_a_diverged_trial_is_the_worst_whatever_its_scores_say(tmp_path):
    made = choose(write_trials(tmp_path, {1e-4: 0.2, 3e-4: 0.4, 1e-3: 0.9}, diverged={1e-3}))
    assert made.settings == {RATE: 3e-4}
    assert (made.trials[2].value, made.trials[2].diverged) == (None, "The loss became NaN at step 2.")
    assert made.edges == {}  # the value beyond was tried


def test_where_nothing_learnt_nothing_is_chosen(tmp_path):
    with pytest.raises(UserError, match=r"tuning\.runs\.lora: none of the 2 trials learnt \(The loss became NaN"):
        choose(write_trials(tmp_path, {1e-4: 0.2, 3e-4: 0.4}, diverged={1e-4, 3e-4}))


def test_a_best_trial_at_the_edge_is_told(tmp_path):
    made = choose(write_trials(tmp_path, {1e-4: 0.2, 3e-4: 0.4, 1e-3: 0.9}))
    assert made.edges == {RATE: "highest"}


def test_several_seeds_count_together(tmp_path):
    made = choose(write_trials(tmp_path, {1e-4: 0.2, 3e-4: 0.4, 1e-3: 0.8}, seeds=(101, 102)))
    assert [len(trial.by_seed) for trial in made.trials] == [2, 2, 2]
    assert made.settings == {RATE: 1e-3}


def test_the_best_of_equal_settings_looks_better_by_chance(tmp_path):
    """The shares of five equal trials differ by chance alone; the floor is of the size of that."""
    made = choose(write_trials(tmp_path, dict.fromkeys([1e-5, 1e-4, 3e-4, 1e-3, 3e-3], 0.5), noise=0.5))
    assert 0.01 < made.floor < 0.06
    assert expect_maximum(5) == pytest.approx(1.163, abs=1e-3)
    assert expect_maximum(1) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_standard_error_is_that_of_resampling(seeds):
    drawn = np.random.default_rng(0)
    shape = (seeds, 150)
    lengths = drawn.integers(3, 40, size=shape).astype(float)
    shared = drawn.normal(2.0, 0.5, size=(1, 150))
    first, second = (
        Measured(lengths * (shared + drawn.normal(0.1 * place, 0.2, size=shape)), lengths) for place in range(2)
    )
    assert estimate_error(first, second) == pytest.approx(cross_differences(first, second).error, rel=0.02)


@pytest.mark.parametrize(
    ("candidates", "own", "chosen"),
    [
        ([1e-4, 1e-3], 2e-4, 1e-4),
        # as near above as below: the lower rate
        ([1e-4, 1e-2], 1e-3, 1e-4),
        # no own value: the middle of the plateau, and of two in the middle the lower
        ([1e-5, 1e-4, 1e-3], None, 1e-4),
        ([1e-5, 1e-4, 1e-3, 1e-2], None, 1e-4),
    ],
)
def test_of_equally_good_settings_the_nearest_to_the_runs_own_is_taken(candidates, own, chosen):
    assert rank_settings([{RATE: rate} for rate in candidates], {RATE: own}) == {RATE: chosen}


def test_values_that_are_no_positive_numbers_are_alike_or_not():
    assert measure_distance(0.0, 0.01) == measure_distance("cosine", "linear") == 1.0
    assert measure_distance(0.0, 0.0) == 0.0
    assert measure_distance(1e-3, 1e-5) == pytest.approx(2.0)


def test_two_values_have_no_edge():
    tried = [{RATE: rate, "training.beta": beta} for rate in (1e-4, 3e-4, 1e-3) for beta in (0.0, 0.01)]
    assert find_edges({RATE: 1e-4, "training.beta": 0.0}, tried) == {RATE: "lowest"}
    assert find_edges({RATE: 3e-4, "training.beta": 0.01}, tried) == {}
