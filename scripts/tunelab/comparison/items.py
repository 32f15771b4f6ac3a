"""What was measured on every item, as arrays of seeds by items, for all that compares runs.

All runs of a task must have been measured on the same rows. A neutral text counts as a task of its own, `text:<name>`,
whose items are its paragraphs.
"""

import math
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tunelab.comparison.crossed import Measured
from tunelab.comparison.metrics import (
    CONTRASTED,
    MEANS,
    NEUTRAL,
    PROPORTIONS,
    RATIOS,
    find_metric,
    is_sampled,
    list_contrasted,
    list_sampled,
    name_sampled,
    name_text,
)
from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.judging.sampling import estimate_majority_at_k, estimate_pass_at_k
from tunelab.numbers import normalise_number


class Table(NamedTuple):
    """The rows of one (run, seed) from one file, sorted by id."""

    rows: list[dict]
    path: Path


class Items:
    """A study's per-item files, each read once; every run and seed of a task has the same ids in the same order."""

    def __init__(self, study: StudyFolder) -> None:
        self.study = study
        self._ids: dict[str, tuple[list[str], Path]] = {}
        self._tables: dict[tuple, Table] = {}
        self._measured: dict[tuple[str, str, str], tuple[Measured, list[str]]] = {}

    @cached_property
    def tasks(self) -> dict[str, str]:
        """Every task and neutral text, with its kind ("maths", "text" or "neutral")."""
        kinds = {task: self.study.task(task)["kind"] for task in self.study.tasks}
        return kinds | dict.fromkeys(map(name_text, self.study.list_texts()), "neutral")

    def list_contrasted(self, task: str) -> list[str]:
        """List the metrics on which runs are compared."""
        neutral = self.tasks[task] == "neutral"
        return list(CONTRASTED["neutral"]) if neutral else list_contrasted(self.study.task(task))

    def measure(self, run: str, task: str, metric: str) -> tuple[Measured, list[str]]:
        """Return a metric of a run over all its seeds, and the names of the files it comes from."""
        if (run, task, metric) not in self._measured:
            self._measured[run, task, metric] = self._measure(run, task, metric)
        return self._measured[run, task, metric]

    def _measure(self, run: str, task: str, metric: str) -> tuple[Measured, list[str]]:
        read = self._find_reader(task, metric)
        columns, sources = [], []
        for seed in self.study.list_seeds(run):
            numerators, denominators, path = read(run, seed)
            columns.append((numerators, denominators))
            sources.append(self.study.name(path))
        above, below = (np.array([column[part] for column in columns], float) for part in (0, 1))
        return Measured(above, below, find_metric(metric).span), sources

    def list_ids(self, task: str, metric: str) -> list[str]:
        """List the items of a metric, in the order of its values."""
        self.measure(self.study.runs[0], task, metric)
        return self._ids[task][0]

    def list_flags(self, run: str, task: str, name: str) -> np.ndarray:
        """Return a yes-or-no verdict as booleans, seeds by items."""
        return self.measure(run, task, name)[0].numerators.astype(bool)

    def read_repeat(self, task: str, path: Path, metric: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which of a task's items were measured again, and their numerators and denominators."""
        again = {row["id"] for row in self._load(f"repeated {task}", path).rows}
        return self._find_among(task, again, path), *self._read_rows(f"repeated {task}", path, metric)

    def find_drawn(self, task: str) -> np.ndarray:
        """Return to which of a task's items several answers were drawn."""
        for metric in ("strict", name_sampled("mean", self.study.task(task)["sampling"]["samples"])):
            self.measure(self.study.runs[0], task, metric)
        ids, path = self._ids[f"samples {task}"]
        return self._find_among(task, set(ids), path)

    def _find_among(self, task: str, found: set[str], path: Path) -> np.ndarray:
        """Return which of a task's items were found in a file, which must have no others."""
        ids, first = self._ids[task]
        if not found <= set(ids):
            raise UserError(
                f"{self.study.name(path)} has rows that {self.study.name(first)} has not: delete the older file."
            )
        return np.array([item in found for item in ids])

    def _read_rows(self, group: str, path: Path, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """Return a metric's numerators and denominators from one file of scores or losses."""
        rows = self._load(group, path).rows
        if metric in RATIOS:
            return _list_ratio(rows, metric)
        values = [_add_up(row["rewards"]) if metric == "reward" else row[metric] for row in rows]
        return np.array(values, float), np.ones(len(values))

    def _find_reader(self, task: str, metric: str) -> Callable[[str, int], tuple[np.ndarray, np.ndarray, Path]]:
        if metric == "kl" or task.startswith(NEUTRAL):
            return lambda run, seed: self._read_drift(run, seed, task, metric)
        if is_sampled(metric):
            return lambda run, seed: self._read_samples(run, seed, task, metric)
        name = "losses.jsonl" if metric in RATIOS else "scores.jsonl"
        return lambda run, seed: self._read_task(self.study.task_file(run, seed, task, name), task, metric)

    def _read_task(self, path: Path, task: str, metric: str) -> tuple:
        return *self._read_rows(task, path, metric), path

    def _read_drift(self, run: str, seed: int, task: str, metric: str) -> tuple:
        kind, source = ("text", task.removeprefix(NEUTRAL)) if task.startswith(NEUTRAL) else ("task", task)
        path = self.study.run_file(run, seed, "drift.jsonl")
        rows, path = self._load(f"drift {task}", path, lambda row: (row["kind"], row["source"]) == (kind, source))
        if metric == "kl":
            return np.array([row["kl"] for row in rows]), np.array([row["tokens"] for row in rows]), path
        return *_list_ratio(rows, metric), path

    def _read_samples(self, run: str, seed: int, task: str, metric: str) -> tuple:
        path = self.study.task_file(run, seed, task, "sample_scores.jsonl")
        rows, path = self._load(f"samples {task}", path)
        name, k = metric.split("@")
        values = [estimate(name, int(k), group) for group in group_by_id(rows)]
        return np.array(values), np.ones(len(values)), path

    def _load(self, group: str, path: Path, wanted: Callable[[dict], bool] = lambda row: True) -> Table:
        if (group, path) not in self._tables:
            rows = sorted(filter(wanted, self.study.load(path)), key=lambda row: (row["id"], row.get("sample", 0)))
            self._refuse_other_rows(group, path, [row["id"] for row in rows])
            self._tables[group, path] = Table(rows, path)
        return self._tables[group, path]

    def _refuse_other_rows(self, group: str, path: Path, ids: list[str]) -> None:
        expected, first = self._ids.setdefault(group, (ids, path))
        if ids != expected:
            raise UserError(
                f"{self.study.name(path)} has {len(ids)} rows that are not the {len(expected)} rows of "
                f"{self.study.name(first)}. Runs can be compared on the same rows only: delete the older file."
            )


def _add_up(rewards: dict[str, float | None]) -> float:
    """Add up rewards, of which a function of the user's own may not apply."""
    return sum(value for value in rewards.values() if value is not None)


def _list_ratio(rows: list[dict], metric: str) -> tuple[np.ndarray, np.ndarray]:
    above, below = RATIOS[metric]
    losses = np.array([row["loss"] for row in rows], float)
    return losses / (math.log(2) if above == "bits" else 1.0), np.array([row[below] for row in rows], float)


def group_by_id(rows: Iterable[dict]) -> list[list[dict]]:
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row["id"], []).append(row)
    return list(groups.values())


def estimate(name: str, k: int, samples: list[dict]) -> float:
    """Estimate mean@N or pass@k (strictly right) or maj@k (by the tagged answer) of one item."""
    right = sum(row["strict"] for row in samples)
    if name == "mean":
        return right / len(samples)
    if name == "pass":
        return estimate_pass_at_k(right, len(samples), k)
    answers = [normalise_number(row["extracted"]["tagged"] or "") for row in samples]
    return estimate_majority_at_k(answers, [row["tagged"] for row in samples], k)


def list_metrics(study: Study, task: str, kind: str) -> list[str]:
    """List what is measured on a task, in the order of the tables."""
    if kind == "neutral":
        return list(RATIOS)
    drift = ["kl"] if study.spec.get("drift") else []
    own = study.task(task).get("metrics", {})
    return [*PROPORTIONS[kind], *MEANS[kind], *RATIOS, *own, *list_sampled(study.task(task)), *drift]
