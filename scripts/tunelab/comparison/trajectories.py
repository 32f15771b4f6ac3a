"""Estimate how followed runs do along the way of their training, against what they have consumed until then.

A run begins where its start ended, or as the untouched model, and what that consumed, with the answers drawn for the
run, counts from its first point on. Runs are compared at the largest amount that all of a task's runs reached, each at
its last point before that; never at the best of its points.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tunelab.comparison.bootstrap import Measured, estimate_run, pick_seed
from tunelab.comparison.consumed import average_spent
from tunelab.comparison.items import list_values
from tunelab.comparison.results import Consumed, Followed, Reached, Spent
from tunelab.config.budget import read_amounts
from tunelab.config.metrics import SHARE, name_sampled
from tunelab.config.study import Study
from tunelab.config.waypoints import TASK, name_waypoint
from tunelab.jobs.layout import StudyFolder
from tunelab.scoring.pass_at_k import estimate, group_by_id

Trainings = dict[tuple[str, int], dict]
NOTHING = Spent(flops=0, tokens=0, completions=0, seconds=0)


class Stop(NamedTuple):
    """A point of a run's way: under which name it is evaluated, and with which seeds."""

    point: int
    name: str
    seeds: list[int]


def list_tasks(study: Study, run: str) -> list[str]:
    """List the tasks on which a run is followed."""
    section = study.spec.get("trajectory")
    return [task for task in section["tasks"] if task in study.list_taught(run)] if section else []


def list_followed(study: StudyFolder, trainings: Trainings, consumed: list[Consumed]) -> Iterator[Followed]:
    """Yield each metric of each followed run at each point, for every seed and, where there are several, their mean."""
    alone = {(row.run, row.seed): row.alone for row in consumed}
    for run in study.list_trained():
        for task in list_tasks(study, run):
            stops = _list_stops(study, run)
            spent = {
                (stop.point, seed): _measure(study, trainings, alone, run, stop.point, seed)
                for stop in stops
                for seed in study.list_seeds(run)
            }
            for metric in _list_metrics(study, task):
                for stop in stops:
                    yield from _estimate(study, run, task, metric, stop, spent)


def list_reached(study: Study, followed: list[Followed]) -> Iterator[Reached]:
    """Yield, for each task, the largest amount of operations that all its runs reached, and each run's last point.

    A run from which another one goes on bounds nothing, since it ends where that one begins. One that began only beyond
    that amount, as its start had taken more, has no point there.
    """
    for task in dict.fromkeys(row.task for row in followed):
        rows = [row for row in followed if row.task == task and row.summary]
        ways = {
            run: {row.point: row.spent.flops for row in rows if row.run == run} for run in {row.run for row in rows}
        }
        starts = {study.run(run).get("init_from") for run in ways}
        limit = min(max(way.values()) for run, way in ways.items() if run not in starts)
        for run in dict.fromkeys(row.run for row in rows):
            point = max((point for point, flops in ways[run].items() if flops <= limit), default=None)
            flops = None if point is None else ways[run][point]
            yield Reached(task=task, run=run, limit=limit, point=point, flops=flops)


def _list_stops(study: Study, run: str) -> list[Stop]:
    seeds, points = study.list_seeds(run), study.spec["trajectory"]["points"]
    origin = study.find_shown(run, "init_from")
    between = [Stop(point, name_waypoint(run, point), seeds) for point in range(1, points)]
    return [Stop(0, origin, study.list_seeds(origin)), *between, Stop(points, run, seeds)]


def _list_metrics(study: Study, task: str) -> list[str]:
    drawn = [name_sampled("mean", study.spec["trajectory"]["samples"])] if study.task(task)["kind"] == "maths" else []
    return [*drawn, "loss", *(["kl"] if study.spec.get("drift") else [])]


def _measure(study: Study, trainings: Trainings, alone: dict, run: str, point: int, seed: int) -> Spent:
    """Return what a run has consumed until a point, with all that it began from."""
    whole, training = alone[run, seed], trainings[run, seed]
    if point == 0:
        start = study.run(run).get("init_from")
        return alone[start, seed] if start else NOTHING
    own = Spent(**read_amounts(training))
    now = next((row for row in training["points"] if row["point"] == point), None)
    here = own if now is None else Spent(**{axis: now[axis] for axis in Spent.model_fields})
    return Spent(
        **{axis: getattr(whole, axis) - getattr(own, axis) + getattr(here, axis) for axis in Spent.model_fields}
    )


def _estimate(
    study: StudyFolder, run: str, task: str, metric: str, stop: Stop, spent: dict[tuple[int, int], Spent]
) -> Iterator[Followed]:
    read = [_read(study, stop.name, seed, task, metric) for seed in stop.seeds]
    measured = Measured(*(np.array([each[part] for each in read], float) for part in (0, 1)), read[0][2])
    sources = [source for each in read for source in each[3]]
    seeds = study.list_seeds(run)
    own = stop.seeds if stop.seeds == seeds else []  # an untouched model has one seed for all
    named = {"run": run, "task": task, "metric": metric, "point": stop.point}
    for place, seed in enumerate(own if len(own) > 1 else []):
        made = estimate_run(pick_seed(measured, place))._asdict()
        one = {"seed": seed, "seeds": 1, "summary": False, "spent": spent[stop.point, seed]}
        yield Followed(**named, **one, sources=sources[place : place + 1], **made)
    over = {
        "seed": None,
        "seeds": len(seeds),
        "summary": True,
        "spent": average_spent([spent[stop.point, s] for s in seeds]),
    }
    yield Followed(**named, **over, sources=sources, **estimate_run(measured)._asdict())


def _read(
    study: StudyFolder, name: str, seed: int, task: str, metric: str
) -> tuple[np.ndarray, np.ndarray, tuple[float, float], list[str]]:
    """Return numerators, denominators and span of a metric, and the names of the files it is from."""
    if metric == "kl":
        path = study.run_file(name, seed, "drift.jsonl")
        rows = [row for row in study.load(path) if (row["kind"], row["source"]) == ("task", task)]
        return *list_values(rows, metric), (0.0, np.inf), [study.name(path)]
    asked = TASK.format(task)
    if metric == "loss":
        path = study.task_file(name, seed, asked, "losses.jsonl")
        return *list_values(study.load(path), metric), (0.0, np.inf), [study.name(path)]
    path = study.task_file(name, seed, asked, "sample_scores.jsonl")
    groups = group_by_id(study.load(path))
    values = np.array([estimate("mean", len(group), group) for group in groups])
    return values, np.ones(len(values)), SHARE, [study.name(path)]
