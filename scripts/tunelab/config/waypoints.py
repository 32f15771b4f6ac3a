"""Write out the waypoints of `trajectory`: each stands for a run's weights at one point of its training.

A waypoint has a name like a run's (`grpo.point2`), under which it is evaluated by the rules of all runs; it is never
trained itself. The last point of a training is the run, and its first one what it began from.
"""

from collections.abc import Container, Iterable
from typing import Any, NamedTuple

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


def find_waypoint(name: str, runs: Container[str]) -> Waypoint | None:
    """Return the waypoint of which a name would be, if it is one of these runs'; None if it is none's."""
    run, _, point = name.rpartition(NAME.format(run="", point=""))
    return Waypoint(run, int(point)) if run in runs and point.isdigit() else None


def add_followed_tasks(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the config with what is asked along the way among `tasks`; nothing is added for what is wrong."""
    added = {}
    for name, task in list_followed_tasks(raw).items():
        if TASK.format(name) not in raw["tasks"]:
            section = raw["trajectory"]
            drawn = {"samples": section.get("samples", 4), "k": [1], "rows": None}
            own = {"sampling": drawn if task.get("kind") == "maths" else None, "untaught_rows": None, "metrics": {}}
            added[TASK.format(name)] = task | own | {"label": f"{task.get('label')}, along the way"}
    return raw | {"tasks": raw["tasks"] | added} if added else raw


def list_followed_tasks(raw: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """List the entries of the tasks that `trajectory` names, as far as they are right."""
    section, tasks = raw.get("trajectory"), raw.get("tasks")
    named = section.get("tasks") if isinstance(section, dict) and isinstance(tasks, dict) else None
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list | tuple) else []
    return {name: tasks[name] for name in names if isinstance(tasks.get(name), dict)}
