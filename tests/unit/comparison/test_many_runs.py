"""Which pairs of runs are compared: all of few runs; of many, the declared pairs and each run with its start."""

import pytest

from tunelab.comparison.contrasts import MOST, compares_all, list_others
from tunelab.config.study import Study


def build(count, declared=()):
    """Return a study of an untouched run, a start, and runs that were trained from it."""
    runs = {f"run{number}": {"method": "sft", "model": "tiny", "init_from": "start"} for number in range(count - 2)}
    runs = {"start": {"method": "sft", "model": "tiny"}, "base": {"method": "base", "model": "tiny"}} | runs
    return Study(
        {
            "study": {"runs": list(runs), "seeds": [1], "tasks": ["sums"]},
            "runs": runs,
            "comparison": {"contrasts": declared},
        }
    )


def test_of_few_runs_every_pair_is_compared_once():
    study = build(MOST, [("run1", "run0")])
    pairs = list_others(study, "sums")
    assert compares_all(study)
    assert len(pairs) == len({frozenset(pair) for pair in pairs}) == MOST * (MOST - 1) // 2 - 1
    assert ("base", "start") in pairs and {("run0", "run1"), ("run1", "run0")}.isdisjoint(pairs)


@pytest.mark.parametrize("count", [MOST + 1, 200])
def test_of_many_runs_each_is_compared_with_its_untouched_model_and_its_start(count):
    study = build(count, [("run1", "base")])
    others = [f"run{number}" for number in range(count - 2)]
    expected = {("base", "start"), *((run, origin) for run in others for origin in ("start", "base"))}
    pairs = list_others(study, "sums")
    assert not compares_all(study)
    assert len(pairs) == len(set(pairs)) and set(pairs) == expected - {("run1", "base")}
