"""The user's own functions (rewards and metrics) in the config: which they are, in which files, and checks of them.

What the files contain is checked in `jobs.functions`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tunelab.config.drafts import Draft, Problem, collect
from tunelab.config.methods import REWARDED
from tunelab.config.metrics import MARGINS, METRICS
from tunelab.config.specs.base import Spec
from tunelab.config.specs.training import REWARDS
from tunelab.config.wording import refuse_name, refuse_value, show

Functions = dict[str, str]  # function → Python file
Found = Iterator[Problem]
# names that the project uses for columns of results, and for metrics
TAKEN = {
    *("id", "step", "sample", "prompt", "answer", "completion", "advantage", "right", "extracted", "rewards"),
    *("run", "seed", "task", "n", *METRICS, *REWARDS),
}
# what every function may be given without a column of that name
GIVEN = ("prompts", "completions", "id", "answer", "reference")
# what TRL gives in training, and scoring does not have
TRAINING_ONLY = ("completion_ids", "trainer_state", "log_extra", "log_metric", "environments")


def list_rewards(spec: Spec) -> Functions:
    """List the user's own rewards of a run or an entry of `samples`."""
    rewards = getattr(spec, "rewards", None)
    return dict(rewards.functions) if rewards else {}


def list_metrics(task: Spec) -> Functions:
    """List the user's own metrics of a task."""
    return {name: metric.file for name, metric in task.metrics.items()}


def place_functions(tables: dict[str, dict[str, Any]], find: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    """Return tables of the config (runs, samples, tasks) with `find` applied to the functions' files."""
    return {
        table: {name: _place_entry(entry, find) for name, entry in entries.items()} for table, entries in tables.items()
    }


def check_rewards(config: Draft, path: tuple, entry: Draft) -> Found:
    """Check that every weight belongs to a known reward, and that every reward of the user has a weight."""
    if path[0] == "runs" and entry.method not in REWARDED:
        return
    functions, weights, here = entry.rewards.functions, entry.rewards.weights, (*path, "rewards")
    for name, file in _list_right(functions).items():
        yield from check_function((*here, "functions", name), file)
        if name not in weights:
            text = f"does nothing without a weight; write {name} among the weights, 0 if it is to be told alone"
            yield Problem((*here, "functions", name), text)
    known = dict.fromkeys([*REWARDS, *functions])
    for name in weights:
        if isinstance(name, str) and name not in known:
            yield Problem((*here, "weights", name), refuse_name("unknown key", name, known))


def check_metrics(config: Draft, path: tuple, task: Draft) -> Found:
    """Check names and files of a task's own metrics."""
    for name, metric in _list_right(task.metrics).items():
        yield from collect(_check_metric((*path, "metrics", name), metric))


def check_function(path: tuple, file: str) -> Found:
    """Check that a function's name is not one of the project's, and that its file is a Python file."""
    if path[-1] in TAKEN:
        yield Problem(path, "is a name of the project's own; give the function another one")
    if not file.endswith(".py"):
        yield Problem(path, refuse_value("must be a Python file, such as my_rewards.py", file))


def check_one_meaning(config: Draft) -> Found:
    """Check that a name means the same function in all of the config, and the same direction."""
    files: dict[str, tuple[str, tuple]] = {}
    better: dict[str, str] = {}
    for path, file, direction in collect_functions(config):
        name = path[-1]
        first, where = files.setdefault(name, (file, path))
        if file != first:
            place = ".".join(map(str, where[:-1]))
            text = (
                f"is {show(first)} in {place}; a name means one function, so give this one another (got {show(file)})"
            )
            yield Problem(path, text)
        elif direction and better.setdefault(name, direction) != direction:
            yield Problem(path, f"is better {better[name]} in another task; a name means one metric, so say the same")


def collect_functions(config: Draft) -> Iterator[tuple[tuple, str, str | None]]:
    """Yield path, file and better direction (of metrics only) of every function without a mistake."""
    for table in ("runs", "samples"):
        for entry, spec in _list_right(config.right.get(table)).items():
            rewards = _list_right(spec.right.get("rewards"))
            for name, file in _list_right(rewards.get("functions")).items():
                yield (table, entry, "rewards", "functions", name), file, None
    for entry, spec in _list_right(config.right.get("tasks")).items():
        for name, metric in _list_right(spec.right.get("metrics")).items():
            if not isinstance(metric, Draft) or not {"file", "better"} & metric.wrong:
                yield ("tasks", entry, "metrics", name), metric.file, metric.better


def check_margins(config: Draft) -> Found:
    """Check that every metric of the study's tasks has a margin, and every margin a metric."""
    tasks = _list_right(config.right.get("tasks"))
    own = {task: spec.right.get("metrics") or () for task, spec in tasks.items()}
    margins, known = (
        config.comparison.margins,
        dict.fromkeys([*MARGINS, *(name for part in own.values() for name in part)]),
    )
    for name in margins:
        if isinstance(name, str) and name not in known:
            yield Problem(("comparison", "margins", name), refuse_name("unknown key", name, known))
    for name in dict.fromkeys(name for task in config.study.tasks for name in _list_right(own.get(task))):
        if name not in margins:
            text = f"is required: the difference in {name} below which two runs are equivalent"
            yield Problem(("comparison", "margins", name), text)


def check_kept(config: Draft, path: tuple, dataset: Draft) -> Found:
    """Check that columns in `keep` are listed once, and differ from what functions are given anyway."""
    fetch, kept, here = dataset.fetch, dataset.prepare.keep, (*path, "prepare", "keep")
    for name in dict.fromkeys(kept):
        if name in (*GIVEN, *TRAINING_ONLY):
            yield Problem(here, f"{show(name)} is given to functions already, as something else; rename the column")
        elif kept.count(name) > 1:
            yield Problem(here, f"{show(name)} is listed twice")
    if kept and fetch.source == "generated":
        yield Problem(
            here, f"generated rows have a question and an answer alone; leave it out (got {show(list(kept))})"
        )


def _place_entry(entry: Any, find: Callable[[str], str]) -> Any:
    if functions := list_rewards(entry):
        placed = {name: find(file) for name, file in functions.items()}
        return entry.model_copy(update={"rewards": entry.rewards.model_copy(update={"functions": placed})})
    if metrics := getattr(entry, "metrics", None):
        placed = {name: item.model_copy(update={"file": find(item.file)}) for name, item in metrics.items()}
        return entry.model_copy(update={"metrics": placed})
    return entry


def _check_metric(path: tuple, metric: Any) -> Found:
    yield from check_function(path, metric.file)


def _list_right(section: Any) -> dict[str, Any]:
    """Return the correct values of a section or table; none of one that has its default, or is wrong."""
    return section.right if isinstance(section, Draft) else {}


FUNCTION_CHECKS = (check_one_meaning, check_margins)
