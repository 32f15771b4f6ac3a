import json

import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tunelab.comparison.budgets import differ, list_unequal
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_json
from tunelab.reporting.tables import load_trainings


@pytest.fixture
def study(tmp_path):
    return StudyFolder(tmp_path, write_results(tmp_path, build_study(), rows=8))


def change_training(study, run, **changes):
    path = study.root / f"runs/{run}/seed1/training.json"
    path.write_text(json.dumps(read_json(path) | changes))


@pytest.mark.parametrize(
    ("changes", "unequal"),
    [
        ({}, []),
        ({"tokens": 27_901}, []),  # less than one in a hundred more
        ({"tokens": 30_000}, ["tokens"]),
        ({"steps": 45, "tokens": 13_950, "epochs": 0.5}, ["steps", "tokens", "data_share"]),
        ({"epochs": 2.0}, []),  # more than once over the same rows
    ],
)
def test_trainings_on_the_same_rows_are_compared_by_steps_tokens_and_data(study, changes, unequal):
    for run in ("lora", "prefix"):
        change_training(study, run, steps=90, tokens=27_900, epochs=3.0)
    change_training(study, "prefix", **changes)
    assert list_unequal(study, load_trainings(study), "lora", "prefix") == unequal


@pytest.mark.parametrize(("run", "against"), [("lora", "base"), ("grpo", "warmstart"), ("warmstart", "grpo")])
def test_an_untrained_run_and_a_runs_own_start_have_no_effort_to_match(study, run, against):
    assert list_unequal(study, load_trainings(study), run, against) == []


def test_trainings_on_other_rows_are_told_apart_by_their_data_alone(study):
    assert list_unequal(study, load_trainings(study), "lora", "warmstart") == ["dataset"]


def test_amounts_differ_from_one_in_a_hundred_on():
    assert not differ(100, 100.9)
    assert differ(100, 102)
    assert differ(None, 1.0) and not differ(None, None)
