"""From per-item scores and losses to the rows that tables, figures and page quote.

Every metric is computed from the per-item files, never from another summary. All runs of a task must have answered
the same rows; with several seeds each run also gets rows with `seed: null`, the mean and the range over its seeds.
"""

import csv
import math
from collections import defaultdict
from pathlib import Path

import numpy as np

from tunelab import statistics
from tunelab.errors import UserError
from tunelab.metrics import HEADLINES, MEANS, PROPORTIONS, RATIOS
from tunelab.records import whole_file
from tunelab.study import Study

COSTS = (
    *("steps", "epochs", "tokens", "train_seconds", "tokens_per_second", "peak_memory_bytes"),
    *("trainable_parameters", "saved_parameters", "total_parameters", "artefact_bytes", "device", "dtype"),
)

COST_COLUMNS = ("run", "seed", *COSTS, "chain_train_seconds")
_HEADLINE_NAMES = tuple(dict.fromkeys(metric for kind in HEADLINES.values() for metric in kind))
MAIN_COLUMNS = (
    *("run", "seed", "task", "n"),
    *(f"{metric}{end}" for metric in _HEADLINE_NAMES for end in ("", "_low", "_high")),
)


def build_rows(study: Study) -> list[dict]:
    """Estimate every metric of every run, seed and task."""
    rows = []
    for task in study.tasks:
        kind = study.task(task)["kind"]
        items = load_items(study, task)
        for (run, seed), (scores, losses) in items.items():
            estimates = estimate_scores(scores, kind) | estimate_losses(losses)
            rows += [
                {"run": run, "seed": seed, "task": task, "metric": metric, **estimate._asdict()}
                for metric, estimate in estimates.items()
            ]
    return rows + build_seed_rows(rows)


def load_items(study: Study, task: str) -> dict[tuple[str, int], tuple[list[dict], list[dict]]]:
    """Load (scores, losses) of each (run, seed), sorted by id; refuse runs that saw different rows."""
    items, expected, first = {}, None, None
    for pair in study.list_pairs():
        loaded = []
        for name in ("scores.jsonl", "losses.jsonl"):
            path = study.task_file(*pair, task, name)
            rows = sorted(study.load(path), key=lambda row: row["id"])
            ids = [row["id"] for row in rows]
            if expected is None:
                expected, first = ids, path
            if ids != expected:
                raise UserError(
                    f"{study.name(path)} has {len(ids)} rows that are not the {len(expected)} rows of "
                    f"{study.name(first)}. Runs can be compared on the same rows only: delete the older file."
                )
            loaded.append(rows)
        items[pair] = (loaded[0], loaded[1])
    return items


def estimate_scores(scores: list[dict], kind: str) -> dict[str, statistics.Estimate]:
    shares = {name: statistics.estimate_proportion([row[name] for row in scores]) for name in PROPORTIONS[kind]}
    if kind == "maths":
        scores = [row | {"reward": sum(row["rewards"].values())} for row in scores]
    means = statistics.estimate_means(np.array([[row[name] for name in MEANS[kind]] for row in scores]))
    return shares | dict(zip(MEANS[kind], means, strict=True))


def estimate_losses(losses: list[dict]) -> dict[str, statistics.Estimate]:
    rows = [row | {"bits": row["loss"] / math.log(2)} for row in losses]
    above, below = ([[row[names[part]] for names in RATIOS.values()] for row in rows] for part in (0, 1))
    return dict(zip(RATIOS, statistics.estimate_ratios(np.array(above), np.array(below)), strict=True))


def build_seed_rows(rows: list[dict]) -> list[dict]:
    """Summarise over seeds, for every run that has several."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["run"], row["task"], row["metric"]].append(row["value"])
    return [
        {"run": run, "seed": None, "task": task, "metric": metric, **statistics.summarise_seeds(values)._asdict()}
        for (run, task, metric), values in groups.items()
        if len(values) > 1
    ]


def build_main_table(study: Study, rows: list[dict]) -> list[dict]:
    """Lay out the headline metrics, one row per run, seed and task; a metric of another kind of task stays empty."""
    found = {(row["run"], row["seed"], row["task"], row["metric"]): row for row in rows}
    table = []
    for run, seed in study.list_pairs():
        for task in study.tasks:
            kind = study.task(task)["kind"]
            line = {"run": run, "seed": seed, "task": task, "n": found[run, seed, task, "loss"]["n"]}
            for metric in _HEADLINE_NAMES:
                row = found[run, seed, task, metric] if metric in HEADLINES[kind] else {}
                line |= {metric: row.get("value"), f"{metric}_low": row.get("low"), f"{metric}_high": row.get("high")}
            table.append(line)
    return table


def build_cost_table(study: Study) -> list[dict]:
    """Look up what each training cost; `chain_train_seconds` adds that of the runs it started from."""
    loaded = {pair: study.load(study.run_file(*pair, "training.json")) for pair in study.list_pairs("sft", "grpo")}
    return [
        {
            **{"run": run, "seed": seed},
            **{name: training[name] for name in COSTS},
            "chain_train_seconds": sum_chain_seconds(study, loaded, run, seed),
        }
        for (run, seed), training in loaded.items()
    ]


def sum_chain_seconds(study: Study, trainings: dict, run: str, seed: int) -> float | None:
    """Add up the training time of a run and of those it started from; None when one of them is not in the study."""
    total = 0.0
    while run is not None:
        if run not in study.runs:
            return None
        total += trainings[run, seed]["train_seconds"]
        run = study.run(run).get("init_from")
    return total


def write_table(path: Path, table: list[dict], columns: tuple[str, ...]) -> None:
    """Write a CSV file; a value that does not apply is an empty cell."""
    with whole_file(path) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
