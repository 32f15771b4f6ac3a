import json

import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tunelab.comparison.budgets import differ, find_equal_budget, list_unequal
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


@pytest.mark.parametrize(("share", "unequal", "equal"), [(1.03, [], "flops"), (0.6, ["flops"], None)])
def test_with_a_budget_only_its_axis_counts(study, share, unequal, equal):
    spec = study.spec | {"study": study.spec["study"] | {"budget": {"axis": "flops", "limit": 1e12}}}
    limited = StudyFolder(study.root, spec)
    trainings = load_trainings(study)
    for (run, _), training in trainings.items():
        training["budget"] = {"axis": "flops", "limit": 1e12, "before": 0, "share": share if run == "lora" else 1.0}
    assert list_unequal(limited, trainings, "lora", "prefix") == unequal
    assert find_equal_budget(limited, trainings, "lora", "prefix") == equal
    assert find_equal_budget(limited, trainings, "lora", "base") is None
    assert find_equal_budget(limited, trainings, "grpo", "warmstart") is None, "one began from the other"
    assert find_equal_budget(study, trainings, "lora", "prefix") is None
