"""What the tests share with the trainings, and the main numbers again without the rows that they share.

Runs are compared on the same rows, so a task is cleaned of what stands in the training data of any run of the study.
What the untouched model has read before is unknown, and no part of it.
"""

from collections.abc import Iterator

import numpy as np

from tunelab.comparison.contrasts import correct_pairs, list_declared
from tunelab.comparison.crossed import estimate_metric, select_items
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import PROPORTIONS, find_margin, find_metric
from tunelab.comparison.shared_rows import Cleaned, CleanedContrast, Left, Overlap
from tunelab.comparison.verdicts import compare_runs, judge

# what is taken out: rows that training holds as they are or in part; and rows that resemble one of it as well
LEVELS = {"ngram13": ("exact", "ngram13"), "near": ("exact", "ngram13", "near")}
FEWEST = 5  # rows; with fewer, McNemar's mid-p is above 0.05 even where one run gets all right and the other none


def list_overlaps(found: list[dict]) -> Iterator[Overlap]:
    """Count what was found; each kind takes in those before it, as none is a proof against the next."""
    for row in found:
        counts = {level: len(_join(row, kinds)) for level, kinds in LEVELS.items()}
        yield Overlap(task=row["task"], dataset=row["dataset"], rows=row["rows"], exact=len(row["exact"]), **counts)


def list_left(items: Items, found: list[dict]) -> Iterator[Left]:
    """Count the rows that stay, wherever rows were taken out."""
    for task, level, kept in _list_kept(items, found):
        yield Left(task=task, without=level, rows=len(kept), left=int(kept.sum()), enough=_is_enough(kept))


def list_cleaned(items: Items, found: list[dict]) -> Iterator[Cleaned]:
    """Estimate each task's first metric again, wherever rows were taken out and enough are left."""
    for task, level, kept, metric, share in _list_levels(items, found):
        for run in items.study.runs:
            measured, sources = items.measure(run, task, metric)
            again = estimate_metric(select_items(measured, kept), share)
            named = {"run": run, "task": task, "metric": metric, "without": level, "sources": sources}
            yield Cleaned(**named, **again._asdict())


def list_cleaned_contrasts(items: Items, found: list[dict]) -> Iterator[CleanedContrast]:
    """Test each declared pair again on the first metric, corrected among these pairs as in the whole test set."""
    for task, level, kept, metric, share in _list_levels(items, found):
        margin = find_margin(items.study.spec["comparison"]["margins"], metric)
        pairs = list_declared(items.study)
        again = {run: select_items(items.measure(run, task, metric)[0], kept) for pair in pairs for run in pair}
        compared = {pair: compare_runs(again[pair[0]], again[pair[1]], margin, share) for pair in pairs}
        better = find_metric(metric, items.study.own_metrics).better
        for (run, against), (p, p_equivalence) in correct_pairs(compared).items():
            row = compared[run, against]
            yield CleanedContrast(
                **{"run": run, "against": against, "task": task, "metric": metric, "without": level},
                **{name: getattr(row, name) for name in ("value", "low", "high", "n", "interval")},
                p_corrected=p,
                verdict=judge(row.value, p, p_equivalence, better),
                sources=[source for name in (run, against) for source in items.measure(name, task, metric)[1]],
            )


def _list_levels(items: Items, found: list[dict]) -> Iterator[tuple[str, str, np.ndarray, str, bool]]:
    """Yield each task and level at which rows go and enough stay: which stay, and the first metric."""
    for task, level, kept in _list_kept(items, found):
        metric = items.list_contrasted(task)[0]
        if _is_enough(kept):
            yield task, level, kept, metric, metric in PROPORTIONS[items.tasks[task]]


def _list_kept(items: Items, found: list[dict]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield which rows stay of each task, at each level at which more of them go."""
    for task in items.study.tasks:
        rows, before = [row for row in found if row["task"] == task], 0
        ids = items.list_ids(task, items.list_contrasted(task)[0])
        for level, kinds in LEVELS.items():
            gone = set().union(*(_join(row, kinds) for row in rows))
            if len(gone) > before:
                yield task, level, np.array([item not in gone for item in ids])
            before = len(gone)


def _is_enough(kept: np.ndarray) -> bool:
    return bool(kept.sum() >= FEWEST)


def _join(row: dict, kinds: tuple[str, ...]) -> set[str]:
    return set().union(*(row[kind] for kind in kinds))
