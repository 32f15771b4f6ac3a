"""Where runs stand at the largest amount that all of them reached."""

from tunelab.comparison.results import Followed, Spent
from tunelab.comparison.trajectories import list_reached
from tunelab.config.study import Study

RUNS = {"warmstart": None, "rft": "warmstart", "grpo": "warmstart"}


def build_way(run, flops, task="sums", metric="mean@4"):
    return [
        Followed(
            run=run,
            task=task,
            metric=metric,
            point=point,
            seed=None,
            seeds=1,
            summary=True,
            spent=Spent(flops=amount, tokens=0, completions=0, seconds=0),
            value=0.5,
            low=0.4,
            high=0.6,
            n=10,
            interval="bootstrap",
            sources=[],
        )
        for point, amount in enumerate(flops)
    ]


def reach(**ways):
    study = Study({"runs": {run: {"init_from": start} for run, start in RUNS.items()}})
    rows = list(list_reached(study, [row for run, flops in ways.items() for row in build_way(run, flops)]))
    return {row.run: (row.point, row.limit) for row in rows}


def test_each_run_stands_at_its_last_point_before_the_least_of_all_ends():
    assert reach(rft=[10, 20, 30], grpo=[10, 25, 40, 60]) == {"rft": (2, 30), "grpo": (1, 30)}


def test_a_run_from_which_others_go_on_bounds_nothing():
    found = reach(warmstart=[0, 5, 10], rft=[10, 20, 30], grpo=[10, 25, 40])
    assert found == {"warmstart": (2, 30), "rft": (2, 30), "grpo": (1, 30)}


def test_a_run_whose_start_had_taken_more_has_no_point_there():
    assert reach(rft=[0, 5, 10], grpo=[20, 30, 40]) == {"rft": (2, 10), "grpo": (None, 10)}


def test_a_single_run_reached_its_end():
    assert reach(grpo=[0, 5, 10]) == {"grpo": (2, 10)}
