"""Write out the trials of `tuning`: each is a run like the tuned one but for its settings, under a name of its own.

Trials are entries of `runs`, and what they are evaluated on are entries of `tasks`, so every check and every rule holds
for them as for any other. The settings that are chosen reach the final trainings as a file.
"""

import hashlib
import itertools
import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tunelab.config.arguments import load_arguments, parse_value
from tunelab.config.chosen_settings import SECTIONS, VALIDATION, Settings, merge_settings
from tunelab.config.drafts import Problem
from tunelab.config.methods import METHODS
from tunelab.config.metrics import FIRST, name_sampled
from tunelab.config.waypoints import TASK as FOLLOWED
from tunelab.config.waypoints import list_followed_tasks

Raw = dict[str, Any]
LONGEST = 60  # characters of a name
PLAIN = re.compile(r"[a-z0-9_.-]{1,20}")


class Trial(NamedTuple):
    """One setting of a tuned run."""

    run: str
    settings: Settings


def list_trials(tuning: Any, runs: Mapping[str, Any]) -> dict[str, Trial]:
    """List the trials by their names, those of a run in the order of its grid.

    Of a grid that is larger than `trials` so many settings are drawn, the run's own always among them if it is there.

    Args:
        tuning: the section as plain values; what is wrong in it is left out, as checks report it.
        runs: the entries of `runs` as plain values.
    """
    found: dict[str, Trial] = {}
    grids = tuning.get("runs") if isinstance(tuning, dict) else None
    for run, grid in (grids if isinstance(grids, dict) else {}).items():
        if isinstance(runs.get(run), dict) and is_grid(grid, runs[run]):
            for settings in _draw(tuning, run, grid, runs[run]):
                found[name_trial(run, settings)] = Trial(run, settings)
    return found


def is_grid(grid: Any, run: Raw) -> bool:
    """Tell whether a grid has lists of values for fields of sections that the run has."""
    return (
        isinstance(grid, dict)
        and bool(grid)
        and all(
            isinstance(field, str)
            and field.count(".") == 1
            and field.partition(".")[0] in SECTIONS
            and isinstance(run.get(field.partition(".")[0]), dict)
            and isinstance(values, list | tuple)
            and values
            for field, values in grid.items()
        )
    )


def list_settings(grid: Mapping[str, Iterable[Any]]) -> list[Settings]:
    """List all combinations of the values of a grid."""
    return [dict(zip(grid, map(parse_value, values), strict=True)) for values in itertools.product(*grid.values())]


def find_own(run: Raw, fields: Iterable[str]) -> Settings:
    """Return the settings of a run without tuning: what it says itself, or else the library's defaults."""
    method, adapter = METHODS.get(run.get("method")), run.get("adapter") or {}
    classes = {"training": method and method.config, "adapter": adapter.get("peft_type")}
    own = {}
    for field in fields:
        section, _, name = field.partition(".")
        defaults = load_arguments().get(classes[section], {})
        own[field] = parse_value((run.get(section) or {}).get(name, defaults.get(name, {}).get("default")))
    return own


def _draw(tuning: Raw, run: str, grid: Raw, spec: Raw) -> list[Settings]:
    every, most = list_settings(grid), tuning.get("trials")
    if not isinstance(most, int) or not 0 < most < len(every):
        return every
    own = find_own(spec, grid)
    others = [settings for settings in every if settings != own]
    drawn = random.Random(f"{tuning.get('draw_seed', 0)} {run}").sample(others, most - (own in every))
    return [settings for settings in every if settings == own or settings in drawn]


def name_trial(run: str, settings: Settings) -> str:
    """Name a trial by its settings, so that another grid leaves those that it keeps in their places."""
    told = ".".join(f"{field.partition('.')[2]}-{_write(value)}" for field, value in settings.items())
    name = f"{run}.{told}"
    return name if len(name) <= LONGEST else f"{run[: LONGEST - 15]}.trial-{_hash([run, settings])}"


def _write(value: Any) -> str:
    text = str(value).lower().replace("+", "") if isinstance(value, str | int | float) else ""
    return text if PLAIN.fullmatch(text) and not text.endswith(".") else _hash(value)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:8]


def describe_settings(settings: Settings) -> str:
    """Write settings for people: `learning_rate 0.0003, beta 0.01`."""
    return ", ".join(f"{field.partition('.')[2]} {value}" for field, value in settings.items())


def find_task(raw: Any, run: str) -> str | None:
    """Return the task that asks a run's data set, one that the study selects first; None if there is none."""
    selected, tasks = raw["study"]["tasks"], raw["tasks"]
    ordered = [*(name for name in selected if name in tasks), *(name for name in tasks if name not in selected)]
    dataset = raw["runs"][run].get("dataset")
    return next((name for name in ordered if tasks[name]["dataset"] == dataset), None)


def find_selecting(config: Any, run: str) -> str:
    """Return the metric that a tuned run's trials are compared by: `strict`, `mean@4` or `loss`."""
    task, select = config.tasks[config.selections[run]], config.tuning.select
    if select.metric == "loss":
        return "loss"
    return name_sampled("mean", task.sampling.samples) if task.sampling else FIRST[task.kind]


def add_trials(raw: Raw) -> Raw:
    """Return the config with its trials among `runs`, and what they are evaluated on among `tasks`.

    Nothing is added for what is wrong, which checks report.
    """
    runs, tasks = raw.get("runs"), raw.get("tasks")
    if not isinstance(raw.get("tuning"), dict) or not isinstance(runs, dict):
        return raw
    trials = {name: trial for name, trial in list_trials(raw["tuning"], runs).items() if name not in runs}
    added = {name: merge_settings(runs[trial.run], trial.settings) for name, trial in trials.items()}
    for name, trial in trials.items():
        added[name]["label"] = f"{runs[trial.run].get('label')}, {describe_settings(trial.settings)}"
    raw = raw | {"runs": runs | added}
    return raw | {"tasks": tasks | dict(_list_tasks(raw, trials.values()))} if isinstance(tasks, dict) else raw


def _list_tasks(raw: Raw, trials: Iterable[Trial]) -> Iterator[tuple[str, Raw]]:
    try:
        named = dict.fromkeys(find_task(raw, run) for run in dict.fromkeys(trial.run for trial in trials))
    except (TypeError, KeyError, AttributeError):  # a wrong entry, which is reported
        return
    select = raw["tuning"].get("select")
    samples = select.get("samples") if isinstance(select, dict) else None
    for task in named:
        name = VALIDATION.format(task)
        if task is None or name in raw["tasks"]:
            continue
        drawn = {"samples": samples, "k": [1], "rows": None} if raw["tasks"][task].get("kind") == "maths" else None
        own = {"sampling": drawn if samples else None, "untaught_rows": None}
        yield name, raw["tasks"][task] | own | {"label": f"{raw['tasks'][task].get('label')}, validation"}


def check_taken(raw: Raw) -> Iterator[Problem]:
    """Yield a problem for each entry that has the name of a trial, or of what trials or runs on their way are asked."""
    runs, tasks = (table if isinstance(table, dict) else {} for table in (raw.get("runs"), raw.get("tasks")))
    trials = list_trials(raw.get("tuning"), runs)
    for name in trials.keys() & runs.keys():
        yield Problem(("runs", name), f"is the name of a trial of {trials[name].run}; rename it")
    for task in tasks if trials else ():
        if VALIDATION.format(task) in tasks:
            yield Problem(("tasks", VALIDATION.format(task)), "is the name of what trials are evaluated on; rename it")
    for task in list_followed_tasks(raw):
        if FOLLOWED.format(task) in tasks:
            yield Problem(("tasks", FOLLOWED.format(task)), "is the name of what a trajectory asks; rename it")


def place_problems(problems: Iterable[Problem], raw: Raw) -> list[Problem]:
    """Return problems of a config with trials as its writer knows it: without trials, and each problem once.

    A mistake in a value that is tried is one of `tuning.runs`.

    Args:
        raw: the config without trials.
    """
    runs = raw["runs"] if isinstance(raw.get("runs"), dict) else {}
    trials = list_trials(raw.get("tuning"), runs)
    defined = raw["tasks"] if isinstance(raw.get("tasks"), dict) else {}
    tasks = {pattern.format(task): task for task in defined for pattern in (VALIDATION, FOLLOWED)}
    found, known = [], list(problems)
    for problem in known:
        table, name, *rest = (*problem.path, None, None)[: max(2, len(problem.path))]
        if table == "tasks" and name in tasks and name not in defined:
            problem = Problem(("tasks", tasks[name], *rest), problem.text)
        elif table == "runs" and name in trials and name not in runs:
            problem = _place_in_grid(Problem(("runs", trials[name].run, *rest), problem.text), trials[name], known)
        found.append(problem)
    return list(dict.fromkeys(found))


def _place_in_grid(problem: Problem, trial: Trial, known: list[Problem]) -> Problem:
    field = ".".join(map(str, problem.path[2:4]))
    if problem in known or not trial.settings:
        return problem
    if field in trial.settings:
        return Problem(("tuning", "runs", trial.run, field), problem.text)
    return Problem(("tuning", "runs", trial.run), f"with {describe_settings(trial.settings)}: {problem.text}")
