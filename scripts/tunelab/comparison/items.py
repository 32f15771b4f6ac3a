"""Read what was measured on every item as arrays `[seeds, items]`, and select the items that runs have in common.

A run may have answered fewer of a task's rows than others, but no other rows; runs are compared on the rows that all of
them answered. A neutral text counts as a task of its own, `text:<name>`, whose items are its paragraphs.
"""

import math
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from tunelab.comparison.bootstrap import Measured, select_items
from tunelab.comparison.metrics import find_metric, list_contrasted, list_used, name_text
from tunelab.config.metrics import GAP, NEUTRAL, is_sampled
from tunelab.data.preferences import are_pairs
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.scoring.pass_at_k import estimate, group_by_id

PARTS = ("numerators", "denominators")
TEST = "test_dataset.json"
Side = tuple[str, str]  # a run and a metric


def list_values(rows: list[dict], metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a metric's numerators and denominators, one of each per row of scores or losses."""
    described = find_metric(metric)
    if described.ratio:
        return _list_ratios(rows, *described.ratio)
    if metric == GAP or "pairs" in described.on:
        return _list_pairs(rows, metric), np.ones(len(rows))
    values = [_add_up(row["rewards"]) if metric == "reward" else row[metric] for row in rows]
    return np.array(values, float), np.ones(len(values))


def rank(gaps: np.ndarray) -> np.ndarray:
    """Return 1 where the chosen answer of a pair is preferred, 0 where the rejected one is, and a half for a tie."""
    return (np.sign(gaps) + 1) / 2


def _list_ratios(rows: list[dict], above: str, below: str) -> tuple[np.ndarray, np.ndarray]:
    numerators = np.array([row["loss" if above == "bits" else above] for row in rows], float)
    return numerators / (math.log(2) if above == "bits" else 1.0), np.array([row[below] for row in rows], float)


def _list_pairs(rows: list[dict], metric: str) -> np.ndarray:
    """Return how much likelier (in nats) the chosen answers are than the rejected ones, or the ranks by that."""
    chosen, rejected, tokens, rejected_tokens = (
        np.array([row[name] for row in rows], float) for name in ("loss", "rejected_loss", "tokens", "rejected_tokens")
    )
    if metric == "ranking_per_token":
        return rank(rejected / rejected_tokens - chosen / tokens)
    return rejected - chosen if metric == GAP else rank(rejected - chosen)


def _add_up(rewards: dict[str, float | None]) -> float:
    """Add up rewards; a user's function that does not apply gave None."""
    return sum(value for value in rewards.values() if value is not None)


class Table(NamedTuple):
    """The rows of one (run, seed) from one file, sorted by id."""

    rows: list[dict]
    path: Path


class Column(NamedTuple):
    """A metric of one (run, seed), item by item."""

    ids: list[str]
    numerators: np.ndarray
    denominators: np.ndarray
    path: Path


class Items:
    """A study's per-item files, each read once, with rows in the order of their ids."""

    def __init__(self, study: StudyFolder) -> None:
        self.study = study
        self._most: dict[str, tuple[set[str], Path]] = {}  # by group of files: of the file with most rows
        self._tables: dict[tuple, Table] = {}
        self._columns: dict[tuple, Column] = {}

    @cached_property
    def tasks(self) -> dict[str, str]:
        """Every task and neutral text, with its kind ("maths", "text" or "neutral")."""
        kinds = {task: self.study.task(task)["kind"] for task in self.study.tasks}
        return kinds | dict.fromkeys(map(name_text, self.study.list_texts()), "neutral")

    @cached_property
    def paired(self) -> list[str]:
        """The tasks whose held-out rows are pairs of a chosen and a rejected answer."""
        files = {task: self.study.dataset_file(self.study.task(task)["dataset"], TEST) for task in self.study.tasks}
        return [task for task, file in files.items() if are_pairs(self.study.load(file))]

    def list_contrasted(self, task: str) -> list[str]:
        """List the metrics on which runs are compared."""
        if self.tasks[task] == "neutral":
            return list_used("contrasted", "neutral")
        return list_contrasted(self.study.task(task), task in self.paired)

    def measure(
        self, run: str, task: str, metric: str, seeds: Collection[int] | None = None
    ) -> tuple[Measured, list[str]]:
        """Return a metric of a run over all its seeds, or a trained run's of `seeds`, and the files it comes from."""
        chosen = self.study.list_seeds(run)
        if seeds is not None and self.study.has_spread(run):
            chosen = [seed for seed in chosen if seed in seeds]
        columns = [self._read(run, seed, task, metric) for seed in chosen]
        for column in columns:
            if column.ids != columns[0].ids:
                self._refuse_other_rows(column.path, column.ids, columns[0].path, columns[0].ids)
        above, below = (np.array([getattr(column, part) for column in columns], float) for part in PARTS)
        return Measured(above, below, find_metric(metric).span), [self.study.name(column.path) for column in columns]

    def measure_together(
        self, sides: Sequence[Side], task: str, seeds: Collection[int] | None = None
    ) -> tuple[list[Measured], list[str]]:
        """Return metrics of runs on the rows and seeds that all of them have, and the names of all files.

        seeds: those to take, which all of the runs have.
        """
        chosen = self.study.list_common_seeds(run for run, _ in sides) if seeds is None else seeds
        found = [self.measure(run, task, metric, chosen) for run, metric in sides]
        common = set(self.list_common(sides, task))
        kept = [[item in common for item in self.list_ids(run, task, metric)] for run, metric in sides]
        measured = [select_items(own, chosen) for (own, _), chosen in zip(found, kept, strict=True)]
        return measured, [source for _, files in found for source in files]

    def list_common(self, sides: Sequence[Side], task: str) -> list[str]:
        """List the items that all of these runs and metrics have, in the order of their values."""
        first, *others = (self.list_ids(run, task, metric) for run, metric in sides)
        shared = set(first).intersection(*others)
        return [item for item in first if item in shared]

    def list_ids(self, run: str, task: str, metric: str) -> list[str]:
        """List the items of a run's metric, in the order of its values."""
        return self._read(run, self.study.list_seeds(run)[0], task, metric).ids

    def read_repeat(self, run: str, task: str, path: Path, metric: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a mask of the run's items that were measured again, and their numerators and denominators."""
        own, table = self._read(run, self.study.list_seeds(run)[0], task, metric), self._load(f"repeated {task}", path)
        again = set(_list_ids(table.rows))
        self._refuse_rows_beyond(own, path, again)
        return np.array([item in again for item in own.ids]), *list_values(table.rows, metric)

    def _read(self, run: str, seed: int, task: str, metric: str) -> Column:
        key = (run, seed, task, metric)
        if key not in self._columns:
            self._columns[key] = self._find_reader(task, metric)(run, seed, task, metric)
        return self._columns[key]

    def _find_reader(self, task: str, metric: str) -> Callable[[str, int, str, str], Column]:
        if metric == "kl" or task.startswith(NEUTRAL):
            return self._read_drift
        return self._read_samples if is_sampled(metric) else self._read_task

    def _read_task(self, run: str, seed: int, task: str, metric: str) -> Column:
        file = self.study.task_file(run, seed, task, find_metric(metric).file)
        rows, path = self._load(task, file, fewer=self._find_fewer(task))
        return Column(_list_ids(rows), *list_values(rows, metric), path)

    def _read_drift(self, run: str, seed: int, task: str, metric: str) -> Column:
        kind, source = ("text", task.removeprefix(NEUTRAL)) if task.startswith(NEUTRAL) else ("task", task)
        path = self.study.run_file(run, seed, "drift.jsonl")
        rows, path = self._load(f"drift {task}", path, lambda row: (row["kind"], row["source"]) == (kind, source))
        return Column(_list_ids(rows), *list_values(rows, metric), path)

    def _read_samples(self, run: str, seed: int, task: str, metric: str) -> Column:
        path = self.study.task_file(run, seed, task, "sample_scores.jsonl")
        rows, path = self._load(f"samples {task}", path, fewer=self._find_fewer(task))
        self._refuse_rows_beyond(self._read(run, seed, task, "strict"), path, set(_list_ids(rows)))
        name, k = metric.split("@")
        groups = group_by_id(rows)
        values = np.array([estimate(name, int(k), group) for group in groups])
        return Column([group[0]["id"] for group in groups], values, np.ones(len(values)), path)

    def _find_fewer(self, task: str) -> int | None:
        """Return how many rows are answered by runs that do not answer all; None if every run answers all."""
        return self.study.task(task).get("untaught_rows")

    def _load(
        self,
        group: str,
        path: Path,
        wanted: Callable[[dict], bool] = lambda row: True,
        fewer: int | None = None,
    ) -> Table:
        """Read a file's rows; each file of a group must have the same ids, or `fewer` of them."""
        if (group, path) not in self._tables:
            rows = sorted(filter(wanted, self.study.load(path)), key=lambda row: (row["id"], row.get("sample", 0)))
            ids = set(_list_ids(rows))
            most, first = self._most.setdefault(group, (ids, path))
            smaller, larger = sorted((ids, most), key=len)
            if ids != most and not (smaller < larger and len(smaller) == fewer):
                self._refuse_other_rows(path, ids, first, most)
            if len(ids) > len(most):
                self._most[group] = (ids, path)
            self._tables[group, path] = Table(rows, path)
        return self._tables[group, path]

    def _refuse_rows_beyond(self, own: Column, path: Path, ids: set[str]) -> None:
        """Raise `UserError` if a file has rows that the run's own answers do not have."""
        if not ids <= set(own.ids):
            raise UserError(
                f"{self.study.name(path)} has rows that {self.study.name(own.path)} has not: delete the older file."
            )

    def _refuse_other_rows(self, path: Path, ids: Collection[str], first: Path, expected: Collection[str]) -> NoReturn:
        raise UserError(
            f"{self.study.name(path)} has {len(ids)} rows that are not the {len(expected)} rows of "
            f"{self.study.name(first)}. Runs can be compared on the same rows only: delete the older file."
        )


def _list_ids(rows: list[dict]) -> list[str]:
    return [row["id"] for row in rows]
