"""Functions of the user's own in a config: where each is used, and what its file holds.

Stages know them by content, wherever the file lies, so that an edit of one makes stale what runs it and nothing else.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tunelab.config.functions import Functions, list_metrics, list_rewards
from tunelab.config.loading import Config
from tunelab.config.methods import REWARDED
from tunelab.jobs.read_files import hash_function_file


class Use(NamedTuple):
    """One place of the config that names a function, and the data sets whose rows it is given there."""

    path: tuple[str, ...]
    file: str
    datasets: tuple[str, ...]


def list_uses(config: Config) -> Iterator[Use]:
    """List every function that the config names; all tasks of the study that check numbers score by all rewards."""
    scored = [config.tasks[task].dataset for task in config.study.tasks if config.tasks[task].kind == "maths"]
    for table, entries in (("runs", config.runs), ("samples", config.samples)):
        for name, entry in entries.items():
            for function, file in list_rewards(entry).items():
                shown = scored if entry in list_rewarding(config) else []
                yield Use((table, name, "rewards", "functions", function), file, (entry.dataset, *shown))
    for name, task in config.tasks.items():
        for function, file in list_metrics(task).items():
            yield Use(("tasks", name, "metrics", function), file, (task.dataset,))


def list_rewarding(config: Config) -> list[Any]:
    """List what of the study says how answers are rewarded: its runs that sample, and the drawings it learns from."""
    runs = [config.runs[run] for run in config.study.runs]
    drawn = dict.fromkeys(run.samples for run in runs if getattr(run, "samples", None))
    return [*(run for run in runs if run.method in REWARDED), *(config.samples[name] for name in drawn)]


def list_judges(config: Config, task: str) -> dict[str, Functions]:
    """List the functions that judge a task: all rewards of the study if numbers are checked, and its own metrics."""
    spec = config.tasks[task]
    rewarding = list_rewarding(config) if spec.kind == "maths" else []
    rewards = {name: file for entry in rewarding for name, file in list_rewards(entry).items()}
    return {"rewards": rewards, "metrics": list_metrics(spec)}


def hash_functions(functions: Functions) -> dict[str, str]:
    """Return each function's name with a hash of what its file does and reads, wherever it lies."""
    return {name: hash_function_file(Path(file)) for name, file in functions.items()}


def by_content(spec: Any, exclude: set[str]) -> dict[str, Any]:
    """Return a run's or a drawing's fields; its rewards name functions by what is in their files."""
    section, functions = spec.model_dump(mode="json", exclude=exclude), list_rewards(spec)
    if functions:
        section["rewards"]["functions"] = hash_functions(functions)
    return section
