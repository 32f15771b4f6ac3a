"""The first screen: each run's value on each task with its interval, its verdict, its cost, and which run to take.

Which run to take follows from verdicts alone: of all runs that are not shown to be worse than the one with the best
value, the one that costs least. A run that was not compared with it is no candidate.
"""

import math
from statistics import fmean

from tunelab.comparison.metrics import find_metric
from tunelab.config.study import Study
from tunelab.reporting.findings import join_doubted
from tunelab.reporting.notation import require_number

BUDGETS = ("seconds", "memory", "disk")
SHOWN = 12  # runs: as many as a first screen has room for


def build_overview(study: Study, primary: dict[str, str], cells: dict, pairs: dict, costs: list[dict]) -> dict:
    """Build the rows of the first screen.

    primary: the first metric of each task. cells: estimates by (run, task, metric). pairs: findings by (task, run,
    against). costs: one row per training (`tables.build_cost_table`).
    """
    spent = {run: sum_costs(study, costs, run) for run in study.list_trained()}
    shown = choose_shown(study, primary, cells)
    columns = {task: build_task(study, task, primary[task], shown, cells, pairs) for task in study.tasks}
    verdicts = [row["against"] for column in columns.values() for row in column["runs"].values() if row["against"]]
    return {
        "runs": shown,
        "left_out": len(study.runs) - len(shown),
        "tasks": columns,
        "judged": bool(verdicts),
        "exploratory": not all(row["declared"] for row in verdicts),
        "incomplete": not all(row["complete"] for row in spent.values()),
        "costs": spent,
        "choices": {
            budget: [choose_run(study, task, primary[task], cells, pairs, spent, budget) for task in study.tasks]
            for budget in (BUDGETS if spent else ())
        },
    }


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


def rank_runs(study: Study, task: str, metric: str, cells: dict) -> list[str]:
    """List all runs by their value, the best first."""
    higher = find_metric(metric, study.own_metrics).better == "higher"
    return sorted(study.runs, key=lambda run: cells[run, task, metric]["value"], reverse=higher)


def build_task(study: Study, task: str, metric: str, runs: list[str], cells: dict, pairs: dict) -> dict:
    """Build a task's column: the ends of its scale, and for each run the places on it (in per cent) and the verdict."""
    rows = {run: cells[run, task, metric] for run in runs}
    low, high = find_scale(min(row["low"] for row in rows.values()), max(row["high"] for row in rows.values()))

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    found = {}
    for run, row in rows.items():
        untouched = study.find_untouched(run) if run in study.list_trained() else None
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


def choose_run(
    study: Study, task: str, metric: str, cells: dict, pairs: dict, spent: dict[str, dict], budget: str
) -> dict:
    """Choose the cheapest run among those not shown to be worse than the best one; untouched models cost nothing."""
    best, *others = rank_runs(study, task, metric, cells)
    rows = {run: pairs[task, run, best] for run in others if (task, run, best) in pairs}
    verdicts = {run: row["verdict"] for run, row in rows.items()}
    level = [run for run, verdict in verdicts.items() if verdict != "worse"]
    cheapest = min([best, *level], key=lambda run: spent[run][budget] if run in spent else 0.0)
    if cheapest == best:  # which is then set against all others
        doubted = [run for run in join_doubted(rows.values()) if run != best]
    else:
        doubted = join_doubted([rows[cheapest]])
    return {
        "task": task,
        "run": cheapest,
        "best": best,
        "verdict": verdicts.get(cheapest),
        "doubted": doubted,
        "alone": not level and len(verdicts) == len(others),
        "cost": spent.get(cheapest),
        "best_cost": spent.get(best),
    }
