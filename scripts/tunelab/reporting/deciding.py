"""Tell how long it takes here to decide an undecided difference: with more seeds, with more rows, or with both."""

from statistics import fmean
from typing import Any

from tunelab.comparison.consumed import sum_seconds
from tunelab.jobs.layout import StudyFolder


def price_needed(study: StudyFolder, trainings: dict[tuple[str, int], dict], row: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds that each way of deciding takes: `seeds_seconds`, `rows_seconds`, `both_seconds`.

    It takes trainings with their starts, and answers to the study's tasks, as long as they took here; None where there
    is no such way, or only logs that do not tell.
    """
    ways = {"seeds": (row["more_seeds"], row["n"]), "rows": (row["seeds"], row["more_rows"])}
    ways["both"] = row["both"] or (None, None)
    return {
        f"{way}_seconds": None if None in numbers or study.is_imported else _add_up(study, trainings, row, *numbers)
        for way, numbers in ways.items()
    }


def _add_up(study: StudyFolder, trainings: dict, row: dict[str, Any], seeds: int, rows: int) -> float:
    total = 0.0
    for run in (row["run"], row["against"]):
        answering = _find_answering(study, run)
        own = answering.pop(row["task"])
        more = seeds - row["seeds"] if run in study.list_trained() else 0
        total += more * (_find_training(study, trainings, run) + sum(answering.values()) + own)
        total += own * (rows / row["n"] - 1) * (seeds if run in study.list_trained() else 1)
    return total


def _find_training(study: StudyFolder, trainings: dict, run: str) -> float:
    """Return how long a training with its starts took; of a run whose start is no run of the study, itself alone."""
    if run not in study.list_trained():
        return 0.0
    spent = [
        sum_seconds(study, trainings, run, seed) or trainings[run, seed]["train_seconds"]
        for seed in study.list_seeds(run)
    ]
    return fmean(spent)


def _find_answering(study: StudyFolder, run: str) -> dict[str, float]:
    """Return how long the answers to each task took."""
    return {
        task: fmean(
            study.load(study.task_file(run, seed, task, "generation.json"))["seconds"] for seed in study.list_seeds(run)
        )
        for task in study.tasks
    }
