"""Build the first screen: each run's value on each task with its interval, verdict and cost, and which run to take."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from tunelab.comparison.metrics import find_metric
from tunelab.config.study import Study
from tunelab.reporting.findings import join_doubts, list_contrary, pick
from tunelab.reporting.notation import format_bytes, format_seconds, require_number

# --- Choice: the best run of a task, those that the tests do not tell from it, and the cheapest of all these
# The best run follows from values and verdicts alone. A run that the tests show to be worse on any metric is no
# candidate, nor is one that was not compared with the best; one that is better on some other metric is named.

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
        **{
            reason: [run for run in doubts.get(reason, ()) if run in level or (alone and run != first)]
            for reason in ("starved", "edge")
        },
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
    """Tell whether the test shows another run to be better: a value of fewer rows may look better than it is."""
    return any((task, other, run) in pairs and pairs[task, other, run]["verdict"] == "better" for other in others)


def _is_worse(row: dict) -> bool:
    return "worse" in (row["verdict"], *(verdict for _, verdict in list_contrary(row)))


# --- The table of all runs

SHOWN = 12  # runs: as many as fit on a first screen


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """The rows of the first screen, and what its legend says of them."""

    runs: list[str]
    left_out: int
    tasks: dict[str, dict]
    judged: bool
    doubted: list[str]
    exploratory: bool
    incomplete: bool  # a run's costs are without those of its start
    costs: dict[str, dict]
    choices: list[dict]


def build_overview(
    study: Study, primary: dict[str, str], cells: dict, pairs: dict, costs: list[dict], tuned: list[dict]
) -> Overview:
    """Build the first screen.

    primary: the first metric of each task. cells: estimates by (run, task, metric). pairs: findings by (task, run,
    against). costs: one row per training (`tables.build_cost_table`). tuned: one row per tuned run.
    """
    search = {row["run"]: row["train_seconds"] for row in tuned}
    spent = {run: sum_costs(study, costs, run) | {"search": search.get(run)} for run in study.list_trained()}
    shown = choose_shown(study, primary, cells)
    columns = {task: build_task(study, task, primary[task], shown, cells, pairs) for task in study.tasks}
    verdicts = [row["against"] for column in columns.values() for row in column["runs"].values() if row["against"]]
    return Overview(
        runs=shown,
        left_out=len(study.runs) - len(shown),
        tasks=columns,
        judged=bool(verdicts),
        doubted=list(join_doubts(verdicts)),
        exploratory=not all(row["declared"] for row in verdicts),
        incomplete=not all(row["complete"] for row in spent.values()),
        costs=spent,
        choices=[
            build_choice(study, task, primary[task], cells, pairs, spent) for task in (study.tasks if spent else ())
        ],
    )


def sum_costs(study: Study, costs: list[dict], run: str) -> dict[str, float | bool]:
    """Return a run's costs with those of the runs it started from: seconds, bytes of memory, bytes on disk.

    Times are means over seeds, memory is the most that a training of the chain took. Where a start is not in the study,
    its costs are unknown: those of the run itself are the least that it took, and it is not `complete`.
    """
    rows = [row for row in costs if row["run"] == run]
    start = study.run(run).get("init_from")
    complete = all(row["chain_train_seconds"] is not None for row in rows)
    memory = max(require_number(row["peak_memory_bytes"]) for row in rows)
    return {
        "complete": complete,
        "seconds": fmean(require_number(row["chain_train_seconds" if complete else "train_seconds"]) for row in rows),
        "memory": max(memory, sum_costs(study, costs, start)["memory"]) if start in study.runs else memory,
        "disk": max(require_number(row["artefact_bytes"]) for row in rows),
    }


def choose_shown(study: Study, primary: dict[str, str], cells: dict) -> list[str]:
    """Choose the runs to show: all, or of too many the untouched ones and the best on the first task."""
    if len(study.runs) <= SHOWN:
        return list(study.runs)
    untouched = study.list_runs("base")
    task = study.tasks[0]
    ranked = [run for run in rank_runs(study, task, primary[task], cells) if run not in untouched]
    kept = {*untouched, *ranked[: max(SHOWN - len(untouched), 0)]}
    return [run for run in study.runs if run in kept]


def build_task(study: Study, task: str, metric: str, runs: list[str], cells: dict, pairs: dict) -> dict:
    """Build a task's column: the ends of its scale, and for each run the places on it (in per cent) and the verdict."""
    rows = {run: cells[run, task, metric] for run in runs}
    low, high = find_scale(min(row["low"] for row in rows.values()), max(row["high"] for row in rows.values()))

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    found = {}
    for run, row in rows.items():
        untouched = study.find_reference(run)
        found[run] = {
            "places": [place(row[name]) for name in ("low", "value", "high")],
            "reference": place(cells[untouched, task, metric]["value"]) if untouched else None,
            "against": pairs.get((task, run, untouched)),
        }
    return {"metric": metric, "low": low, "high": high, "runs": found}


def find_scale(low: float, high: float) -> tuple[float, float]:
    """Return round numbers around two values, which may be equal."""
    step = 10.0 ** math.floor(math.log10(max(high - low, abs(high) / 100, 1e-6)))
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    return bottom, top if top > bottom else bottom + step
