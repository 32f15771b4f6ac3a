"""The first screen: each run's value on each task with its interval, its verdict, its cost, and which run to take."""

import math
from statistics import fmean

from tunelab.config.study import Study
from tunelab.reporting.choice import build_choice, rank_runs
from tunelab.reporting.notation import require_number
from tunelab.reporting.remarks import join_doubts

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
        "doubted": list(join_doubts(verdicts)),
        "exploratory": not all(row["declared"] for row in verdicts),
        "incomplete": not all(row["complete"] for row in spent.values()),
        "costs": spent,
        "choices": [
            build_choice(study, task, primary[task], cells, pairs, spent) for task in (study.tasks if spent else ())
        ],
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
