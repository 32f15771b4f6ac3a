"""The tables that a study exports as CSV: one line per run, seed and task, per contrast, and per training."""

import csv
from collections.abc import Iterable
from pathlib import Path

from tunelab.comparison.budgets import find_summary
from tunelab.comparison.metrics import list_headlines, list_used
from tunelab.comparison.results import Contrast, Estimate, Results
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.records import whole_file

COSTS = (
    *("steps", "epochs", "tokens", "train_seconds", "tokens_per_second", "peak_memory_bytes"),
    *("trainable_parameters", "saved_parameters", "total_parameters", "artefact_bytes", "device", "dtype"),
)
COST_COLUMNS = ("run", "seed", *COSTS, "chain_train_seconds")
ESTIMATE_COLUMNS = ("run", "seed", "seeds", "task", "metric", "value", "low", "high", "n", "interval")
LISTS = ("unequal", "starved", "degenerate", "sources")  # which no cell holds
CONTRAST_COLUMNS = tuple(name for name in Contrast.model_fields if name not in LISTS)


def list_main_columns(study: Study, results: Results) -> tuple[str, ...]:
    """List the main table's columns: headlines of every kind of task, rankings if any, the user's own metrics."""
    named = [*list_used("headline", "maths"), *list_used("headline", "text", bool(results.paired))]
    metrics = dict.fromkeys([*named, *study.own_metrics])
    return "run", "seed", "task", "n", *(f"{metric}{end}" for metric in metrics for end in ("", "_low", "_high"))


def build_main_table(study: Study, results: Results) -> list[dict]:
    """Lay out the headline metrics, one row per run, seed and task; a metric of another kind of task stays empty.

    A run with several seeds has one more row without seed, for the mean over them.
    """
    found = {(row.run, row.seed, row.task, row.metric): row for row in results.estimates}
    table = []
    for run in study.runs:
        seeds = study.list_seeds(run)
        for seed in [*seeds, *([None] if len(seeds) > 1 else [])]:
            for task in study.tasks:
                line = {"run": run, "seed": seed, "task": task, "n": found[run, seed, task, "loss"].n}
                for metric in list_headlines(study.task(task), task in results.paired):
                    row = found[run, seed, task, metric]
                    line |= {metric: row.value, f"{metric}_low": row.low, f"{metric}_high": row.high}
                table.append(line)
    return table


def is_summary(study: Study, row: Estimate) -> bool:
    """Tell whether an estimate is the one that stands for its run: over all seeds, or of the only one."""
    return row.seed is None or len(study.list_seeds(row.run)) == 1


def build_cost_table(study: StudyFolder, trainings: dict[tuple[str, int], dict]) -> list[dict]:
    """Look up what each training cost; `chain_train_seconds` adds that of the runs it started from."""
    return [
        {
            **{"run": run, "seed": seed},
            **{name: training[name] for name in COSTS},
            "chain_train_seconds": sum_chain_seconds(study, trainings, run, seed),
        }
        for (run, seed), training in trainings.items()
    ]


def sum_chain_seconds(study: StudyFolder, trainings: dict, run: str, seed: int) -> float | None:
    """Add up the training time of a run and of those it started from; None when one of them is not in the study.

    The time in which answers were drawn counts for each of them that learns from these.
    """
    total = 0.0
    while run is not None:
        if run not in study.runs:
            return None
        total += trainings[run, seed]["train_seconds"] + _find_drawing_seconds(study, run, seed)
        run = study.run(run).get("init_from")
    return total


def _find_drawing_seconds(study: StudyFolder, run: str, seed: int) -> float:
    if not study.run(run).get("samples"):
        return 0.0
    return study.load(find_summary(study, run, seed))["seconds"]


def load_trainings(study: StudyFolder) -> dict[tuple[str, int], dict]:
    """Load training.json of every trained run and seed."""
    return {pair: study.load(study.run_file(*pair, "training.json")) for pair in study.list_arms(study.list_trained())}


def write_table(path: Path, table: Iterable[dict], columns: tuple[str, ...]) -> None:
    """Write a CSV file; a value that does not apply is an empty cell."""
    with whole_file(path) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
