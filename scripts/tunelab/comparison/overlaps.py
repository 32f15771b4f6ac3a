"""Count the test rows that training data contains (contamination), and estimate the main numbers without them.

Runs are compared on the same rows, so rows of a task are left out if the training data of any run contains them. What
the untouched model was pretrained on is unknown and not counted.
"""

from collections.abc import Iterator

from tunelab.comparison.bootstrap import estimate_metric, select_items
from tunelab.comparison.contrasts import correct_pairs
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import find_margin, find_metric
from tunelab.comparison.result_rows import Cleaned, CleanedContrast, Left, Overlap, Twins
from tunelab.comparison.verdicts import compare_runs, decide_verdict

# which rows are left out: those in the training data verbatim or in part; and also those that resemble a training row
LEVELS = {"ngram13": ("exact", "ngram13"), "near": ("exact", "ngram13", "near")}
FEWEST = 5  # rows; with fewer, McNemar's mid-p is above 0.05 even if one run gets all right and the other none


def list_overlaps(found: list[dict]) -> Iterator[Overlap]:
    """Count the overlaps; each kind includes the stricter kinds before it."""
    for row in found:
        counts = {level: len(_join(row, kinds)) for level, kinds in LEVELS.items()}
        named = {name: row[name] for name in ("task", "dataset", "rows", "texts") if name in row}
        yield Overlap(**named, exact=len(row["exact"]), **counts)


def list_twins(found: list[dict]) -> Iterator[Twins]:
    """Count the test rows that have a twin (a near duplicate) among the training rows."""
    for row in found:
        for twins in row["twins"]:
            counts = {part: len(twins[part]) for part in ("question", "answer", "both")}
            yield Twins(**{name: row[name] for name in ("task", "dataset", "rows")}, **twins | counts)


def list_left(items: Items, found: list[dict]) -> Iterator[Left]:
    """Count the remaining rows of every task and level where rows were left out."""
    for task, level, gone, rows in _list_gone(items, found):
        left = rows - len(gone)
        yield Left(task=task, without=level, rows=rows, left=left, enough=left >= FEWEST)


def list_cleaned(items: Items, found: list[dict]) -> Iterator[Cleaned]:
    """Estimate each task's first metric again, where rows were left out and enough remain."""
    for task, level, gone, _ in _list_gone(items, found):
        metric = items.list_contrasted(task)[0]
        for run in items.study.runs:
            measured, sources = items.measure(run, task, metric)
            kept = [item not in gone for item in items.list_ids(run, task, metric)]
            if sum(kept) >= FEWEST:
                again = estimate_metric(select_items(measured, kept), find_metric(metric).is_share)
                named = {"run": run, "task": task, "metric": metric, "without": level, "sources": sources}
                yield Cleaned(**named, **again._asdict())


def list_cleaned_contrasts(items: Items, found: list[dict]) -> Iterator[CleanedContrast]:
    """Test each declared pair again on the first metric, corrected among these pairs as with all rows."""
    for task, level, gone, _ in _list_gone(items, found):
        metric = items.list_contrasted(task)[0]
        margin = find_margin(items.study.spec["comparison"]["margins"], metric)
        compared, sources = {}, {}
        for pair in items.study.list_contrasts(task):
            sides = [(run, metric) for run in pair]
            both, sources[pair] = items.measure_together(sides, task)
            kept = [item not in gone for item in items.list_common(sides, task)]
            if sum(kept) >= FEWEST:
                first, second = (select_items(measured, kept) for measured in both)
                compared[pair] = compare_runs(first, second, margin, find_metric(metric).is_share)
        better = find_metric(metric, items.study.own_metrics).better
        for (run, against), (p, p_equivalence) in correct_pairs(compared, items.study).items():
            row = compared[run, against]
            yield CleanedContrast(
                run=run,
                against=against,
                task=task,
                metric=metric,
                without=level,
                **{name: getattr(row, name) for name in ("value", "low", "high", "n", "interval")},
                p_corrected=p,
                verdict=decide_verdict(row.value, p, p_equivalence, better),
                sources=sources[run, against],
            )


def _list_gone(items: Items, found: list[dict]) -> Iterator[tuple[str, str, set[str], int]]:
    """Yield each task and level at which more rows are left out: their ids, and how many rows the task has."""
    for task in items.study.tasks:
        rows, before = [row for row in found if row["task"] == task], 0
        for level, kinds in LEVELS.items():
            gone = set().union(*(_join(row, kinds) for row in rows))
            if len(gone) > before:
                yield task, level, gone, rows[0]["rows"]
            before = len(gone)


def _join(row: dict, kinds: tuple[str, ...]) -> set[str]:
    return set().union(*(row[kind] for kind in kinds))
