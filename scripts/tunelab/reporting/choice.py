"""Which run to take on a task: the best one, those that the tests do not tell from it, and the cheapest of all these.

What is best follows from values and verdicts alone. A run that is shown to be worse on any tested metric is no
candidate, nor is one that was not compared with the best; one that is better on some other metric is named.
"""

from collections.abc import Callable

from tunelab.comparison.metrics import find_metric
from tunelab.config.study import Study
from tunelab.reporting.findings import list_contrary
from tunelab.reporting.notation import format_bytes, format_seconds
from tunelab.reporting.remarks import join_doubts, pick

BUDGETS: dict[str, Callable[[float], str]] = {
    "seconds": format_seconds,
    "memory": format_bytes,
    "disk": format_bytes,
}


def rank_runs(study: Study, task: str, metric: str, cells: dict) -> list[str]:
    """List all runs by their value, the best first."""
    higher = find_metric(metric, study.own_metrics).better == "higher"
    return sorted(study.runs, key=lambda run: cells[run, task, metric]["value"], reverse=higher)


def build_choice(study: Study, task: str, metric: str, cells: dict, pairs: dict, spent: dict[str, dict]) -> dict:
    """Build a task's row: the best runs, those that are level with them, and the cheapest under each budget.

    `best` are the runs of the best value; `alone` tells that the tests show it better than every other run on the
    first metric, and none of them better on another; `ahead` lists those that are, with the metrics.
    """
    ranked = rank_runs(study, task, metric, cells)
    first = next((run for run in ranked if not _is_beaten(run, task, pairs, ranked)), ranked[0])
    others = [run for run in ranked if run != first]
    rows = {run: pairs[task, run, first] for run in others if (task, run, first) in pairs}
    level = [run for run, row in rows.items() if not _is_worse(row)]
    tied = [run for run in level if cells[run, task, metric]["value"] == cells[first, task, metric]["value"]]
    better = {run: [name for name, verdict in list_contrary(row) if verdict == "better"] for run, row in rows.items()}
    ahead = {run: metrics for run, metrics in better.items() if metrics}
    alone = not level and not ahead and len(rows) == len(others)
    doubts = join_doubts(rows.values())
    doubted = {
        "starved": [run for run in doubts.get("starved", ()) if run in level or (alone and run != first)],
        "degenerate": [run for run in doubts.get("degenerate", ()) if run in (first, *level)],
    }
    return {
        "task": task,
        "metric": metric,
        "best": [first, *tied],
        "level": [run for run in level if run not in tied],
        "alone": alone,
        "ahead": ahead,
        "cheapest": {budget: choose_cheapest([first, *level], spent, budget) for budget in BUDGETS},
        "doubted": pick(doubted),
    }


def choose_cheapest(runs: list[str], spent: dict[str, dict], budget: str) -> list[str]:
    """Choose the runs whose cost is written like the least; untouched models cost nothing."""
    if untouched := [run for run in runs if run not in spent]:
        return untouched
    write = BUDGETS[budget]
    least = write(min(spent[run][budget] for run in runs))
    return [run for run in runs if write(spent[run][budget]) == least]


def _is_beaten(run: str, task: str, pairs: dict, others: list[str]) -> bool:
    """Tell whether another run is better by the test: a value of fewer rows may look better than it is."""
    return any((task, other, run) in pairs and pairs[task, other, run]["verdict"] == "better" for other in others)


def _is_worse(row: dict) -> bool:
    return "worse" in (row["verdict"], *(verdict for _, verdict in list_contrary(row)))
