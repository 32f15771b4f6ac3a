"""Which functions of the user's own a part of the config names, and in which files."""

from collections.abc import Callable
from typing import Any

from tunelab.config.specs.base import Spec

Functions = dict[str, str]  # function → Python file


def list_rewards(spec: Spec) -> Functions:
    """List the rewards of the user's own that a run or an entry of `samples` has."""
    rewards = getattr(spec, "rewards", None)
    return dict(rewards.functions) if rewards else {}


def list_metrics(task: Spec) -> Functions:
    return {name: metric.file for name, metric in task.metrics.items()}


def place_functions(tables: dict[str, dict[str, Any]], find: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    """Return tables of the config (runs, samples, tasks) with the files of their functions where `find` has them."""
    return {
        table: {name: _place_entry(entry, find) for name, entry in entries.items()} for table, entries in tables.items()
    }


def _place_entry(entry: Any, find: Callable[[str], str]) -> Any:
    if functions := list_rewards(entry):
        placed = {name: find(file) for name, file in functions.items()}
        return entry.model_copy(update={"rewards": entry.rewards.model_copy(update={"functions": placed})})
    if metrics := getattr(entry, "metrics", None):
        placed = {name: item.model_copy(update={"file": find(item.file)}) for name, item in metrics.items()}
        return entry.model_copy(update={"metrics": placed})
    return entry
