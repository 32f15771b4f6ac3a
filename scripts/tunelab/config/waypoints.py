"""Write out the waypoints of `trajectory`: each stands for a run's weights at one point of its training.

A waypoint has a name like a run's (`grpo.point2`), under which it is evaluated by the rules of all runs; it is never
trained itself. The last point of a training is the run, and its first one what it began from.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tunelab.config.drafts import Draft, Problem
from tunelab.config.wording import refuse_name, show

TASK = "{}.trajectory"  # what is asked along the way, by the name of the study's task
NAME = "{run}.point{point}"


class Waypoint(NamedTuple):
    """A point of a run's training, counted from 1; the run itself is the last one."""

    run: str
    point: int


def name_waypoint(run: str, point: int) -> str:
    return NAME.format(run=run, point=point)


def list_waypoints(runs: Iterable[str], points: int) -> dict[str, Waypoint]:
    """List the waypoints of runs before their ends, by their names."""
    return {name_waypoint(run, point): Waypoint(run, point) for run in runs for point in range(1, points)}


def add_followed_tasks(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the config with what is asked along the way among `tasks`; nothing is added for what is wrong."""
    section, tasks = raw.get("trajectory"), raw.get("tasks")
    if not isinstance(section, dict) or not isinstance(tasks, dict):
        return raw
    added = {}
    for name in section.get("tasks") if isinstance(section.get("tasks"), list | tuple) else ():
        task = tasks.get(name) if isinstance(name, str) else None
        if isinstance(task, dict) and TASK.format(name) not in tasks:
            drawn = {"samples": section.get("samples", 4), "k": [1], "rows": None}
            own = {"sampling": drawn if task.get("kind") == "maths" else None, "untaught_rows": None, "metrics": {}}
            added[TASK.format(name)] = task | own | {"label": f"{task.get('label')}, along the way"}
    return raw | {"tasks": tasks | added}


def check_trajectory(config: Draft) -> Iterable[Problem]:
    """Check that the tasks of trajectories are those of the study, and that every run can be followed."""
    section = config.get("trajectory")
    if section is None:
        return
    here = ("trajectory", "tasks")
    for name in section.tasks:
        if name not in config["tasks"]:
            yield Problem(here, refuse_name(f"there is no task {show(name)}", name, config.study.tasks))
        elif name not in config.study.tasks:
            yield Problem(here, f"{show(name)} is not among study.tasks, so no run is compared on it; name others")
    followed = [run for run in config.study.runs if config.runs[run].method != "base"]
    for run in followed:
        start, model = config.runs[run].get("init_from"), config.runs[run].model
        untouched = [
            name for name in config.study.runs if (config.runs[name].method, config.runs[name].model) == ("base", model)
        ]
        if start not in config.study.runs and (start is not None or not untouched):
            what = show(start) if start else f"an untouched run of {model}"
            yield Problem(
                ("study", "runs"), f"a trajectory shows where {run} began; add {what}, or leave trajectory out"
            )
    for run in followed:
        adapter = config.runs[run].get("adapter")
        if adapter is not None and adapter.get("peft_type") == "ADALORA":
            text = (
                "its ranks change along the way, and only those of the end are known; leave the run or trajectory out"
            )
            yield Problem(("runs", run, "adapter", "peft_type"), text)
