"""Tell what would decide a difference that is undecided: how many seeds, how many rows, or both.

The answer takes the difference and the spreads as they were measured. It is what a test finds with probability POWER if
the difference is real, or what shows that it lies within the margin, whichever takes less.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tunelab.comparison.bootstrap import Crossed, Measured, Parts, Variance, estimate_parts
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import find_metric
from tunelab.comparison.power import ALPHA, find_detectable_share
from tunelab.comparison.results import Contrast, Needed
from tunelab.comparison.verdicts import find_detectable

MOST_SEEDS, MOST_ROWS = 100, 100_000


def list_needed(items: Items, contrasts: list[Contrast]) -> Iterator[Needed]:
    """Tell what would decide each declared difference on a task's first metric that is not decided."""
    looks = items.study.spec["study"].get("looks")
    open_ones = [row for row in contrasts if row.declared and row.primary and row.verdict == "undecided"]
    for row in (row for row in open_ones if row.task in items.study.tasks):
        # Holm's correction divides the level by how many of the family are not decided, the last look by its share
        family = sum(other.task == row.task for other in open_ones)
        level = ALPHA * (looks["spend"][-1] if looks else 1) / family
        sides, _ = items.measure_together([(run, row.metric) for run in (row.run, row.against)], row.task)
        target = max(abs(row.value), row.margin - abs(row.value))
        share = find_metric(row.metric, items.study.own_metrics).is_share
        seeds, n, detect = describe_spread(*sides, level, share)
        more_seeds = find_least(lambda number, n=n, detect=detect: detect(number, n), target, seeds, MOST_SEEDS)
        more_rows = find_least(lambda number, s=seeds, detect=detect: detect(s, number), target, n, MOST_ROWS)
        others, most = range(seeds + 1, more_seeds or MOST_SEEDS + 1), (more_rows or MOST_ROWS + 1) - 1
        named = {"run": row.run, "against": row.against, "task": row.task, "metric": row.metric}
        both = find_both(detect, target, others, n, most)
        yield Needed(**named, seeds=seeds, n=n, more_seeds=more_seeds, more_rows=more_rows, both=both)


def describe_spread(
    first: Measured, second: Measured, level: float, is_share: bool
) -> tuple[int, int, Callable[[int, int], float]]:
    """Return how many seeds and rows two runs share, and which difference other numbers of both would show.

    With one seed the spread between seeds is not known: then other numbers of seeds show nothing.
    """
    values = first.numerators / first.denominators - second.numerators / second.denominators
    seeds, n = values.shape
    spread = estimate_parts(values) if seeds > 1 else Parts(np.inf, float(values.std(ddof=1)), 0.0)

    def detect(number: int, rows: int) -> float:
        parts = list_parts(spread, number, rows) if seeds > 1 or number > 1 else list_parts(spread, 1, rows)[:1]
        found = find_detectable(Crossed(np.empty(0), parts), level)
        # so few rows need not show rare differences
        return max(found, find_detectable_share(0.0, rows)) if is_share else found

    return seeds, n, detect


def list_parts(spread: Parts, seeds: int, rows: int) -> tuple[Variance, Variance]:
    """List the parts of the variance of a mean over so many seeds and rows, as `cross_seeds` would find them."""
    both = spread.sampling**2 / (seeds * rows)
    return Variance(spread.item**2 / rows + both, rows - 1), Variance(spread.seed**2 / seeds + both, seeds - 1)


def find_least(detect: Callable[[int], float], target: float, least: int, most: int) -> int | None:
    """Return the least number, above `least`, at which this difference is found; None if not even the most do."""
    if detect(most) > target:
        return None
    low, high = least, most  # high is enough; low is not, or is what there is
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if detect(middle) <= target else (middle, high)
    return high


def find_both(
    detect: Callable[[int, int], float], target: float, seeds: Iterable[int], n: int, most: int
) -> tuple[int, int] | None:
    """Return one of these numbers of seeds, and more rows than n, that decide with the fewest answers; or None."""
    found = [
        (number, rows)
        for number in seeds
        if (rows := find_least(lambda more, number=number: detect(number, more), target, n, most)) is not None
    ]
    return min(found, key=lambda pair: (pair[0] * pair[1], pair[0]), default=None)
