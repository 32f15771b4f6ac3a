"""What preference learning said of itself while it trained, beside what its runs then said themselves.

A model can tell every right answer from a wrong one and write none: its trainer logs an accuracy of pairs, while the
likelihood of both answers falls. So the page sets the one beside the other, and names runs that collapsed. Beside the
logged accuracy, which is of pairs that were learnt, stands that of the same reward on pairs that no run has seen.
"""

from statistics import fmean
from typing import Any

from tunelab.comparison.metrics import FIRST
from tunelab.config.methods import SIGNALLING
from tunelab.jobs.layout import StudyFolder

LOGGED = ("rewards/accuracies", "rewards/margins", "rewards/chosen", "rewards/rejected")
FIFTH = 0.2  # share of the steps that tells how a training ended; single steps scatter


def build_signals(study: StudyFolder, find: dict, pairs: dict, implicit: list[dict]) -> list[dict[str, Any]]:
    """Build one row per run and seed: what was logged in the last fifth of the steps, and how its task went after it.

    find: estimates by (run, seed, task, metric); pairs: findings by (task, run, against); implicit: of `Results`. What
    a task without pairs has not got is None.
    """
    held_out = {(row["run"], row["seed"], row["task"]): row for row in implicit}
    rows = []
    for run, seed in study.list_arms(study.list_runs(*SIGNALLING)):
        logged = summarise_end(study.load(study.run_file(run, seed, "history.jsonl")))
        for task in study.list_taught(run):
            metric = FIRST[study.task(task)["kind"]]
            start = study.find_shown(run, "init_from")
            against = pairs.get((task, run, start))
            row = {"run": run, "seed": seed, "task": task, "start": start, "against": against, **logged}
            row["implicit"] = held_out.get((run, seed, task))
            rows.append(row | {"estimate": find[run, seed, task, metric], "collapsed": is_collapsed(logged, against)})
    return rows


def summarise_end(history: list[dict[str, Any]]) -> dict[str, float | None]:
    """Return the mean of each logged value over the last steps; None for what this method does not log."""
    values = {name: take_end(history, name) for name in LOGGED}
    return {name.partition("/")[2]: fmean(found) if found else None for name, found in values.items()}


def take_end(history: list[dict[str, Any]], name: str) -> list[float]:
    """Return what was logged under a name in the last fifth of the steps."""
    return _take(history, slice(-_count_fifth(history), None), name)


def take_start(history: list[dict[str, Any]], name: str) -> list[float]:
    """Return what was logged under a name in the first fifth of the steps."""
    return _take(history, slice(_count_fifth(history)), name)


def _take(history: list[dict[str, Any]], part: slice, name: str) -> list[float]:
    return [row[name] for row in _list_steps(history)[part] if name in row]


def _count_fifth(history: list[dict[str, Any]]) -> int:
    return max(1, round(FIFTH * len(_list_steps(history))))


def _list_steps(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in history if "loss" in row]


def is_collapsed(logged: dict[str, float | None], against: dict[str, Any] | None) -> bool:
    """Tell whether both answers became less likely than at the start while the answers that it writes became worse."""
    fell = all(logged[name] is not None and logged[name] < 0 for name in ("chosen", "rejected"))
    return fell and against is not None and against["verdict"] == "worse"
