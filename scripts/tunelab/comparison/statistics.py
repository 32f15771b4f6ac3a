"""Estimate proportions, means and ratios of sums with intervals over the items of one test set.

The interval says how far the value could move with other questions of the same kind; it does not cover another training
with another seed. The bootstrap resamples items, so that a ratio such as loss per token keeps each item's numerator and
denominator together.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from tunelab.comparison.power import CONFIDENCE
from tunelab.errors import UserError

RESAMPLES = 10_000
SMALL_SAMPLE = 30  # below it the exact interval, which never covers too little
FEW_UNLIKE = 5  # items that differ from the rest; with fewer, a bootstrap of a mean is too narrow
BOOTSTRAP_SEED = 20_261_122
CHUNK = 1_000  # resamples held in memory at a time


class Estimate(NamedTuple):
    """A value, the ends of its interval, the number of items (or seeds) behind it, and how the interval was made."""

    value: float
    low: float
    high: float
    n: int
    interval: str


def estimate_proportion(outcomes: Sequence[float]) -> Estimate:
    """Return the share of true outcomes, with Wilson's interval, or Clopper and Pearson's for a small sample.

    An outcome may be a half, which is a tie.
    """
    n = len(outcomes)
    _require_items(n)
    count = float(sum(outcomes))
    return Estimate(count / n, *find_share_interval(count, n), n, "clopper-pearson" if n < SMALL_SAMPLE else "wilson")


def find_share_interval(count: float, n: int) -> tuple[float, float]:
    """Return the interval of a share: Clopper and Pearson's for a small sample, else Wilson's.

    Counts need not be whole, which they must be for `scipy.stats.binomtest`. At the borders both intervals end exactly
    there; the formulas miss it by a rounding error.
    """
    tail = (1 - CONFIDENCE) / 2
    if n < SMALL_SAMPLE:
        low, high = stats.beta.ppf(tail, count, n - count + 1), stats.beta.isf(tail, count + 1, n - count)
    else:
        share, z = count / n, stats.norm.isf(tail)
        spread = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        low, high = ((share + z**2 / (2 * n) + side * spread) / (1 + z**2 / n) for side in (-1, 1))
    return float(low) if count > 0 else 0.0, float(high) if count < n else 1.0


def estimate_ratios(numerators: np.ndarray, denominators: np.ndarray, seed: int = BOOTSTRAP_SEED) -> list[Estimate]:
    """Return sum(numerators) / sum(denominators) of each column, with percentile bootstrap intervals over the rows.

    Both arrays are `[items, measures]`; all columns share the same resamples.
    """
    numerators, denominators = np.asarray(numerators, float), np.asarray(denominators, float)
    n = len(numerators)
    ratios = [(counts @ numerators) / (counts @ denominators) for counts in draw_counts(n, seed)]
    tail = (1 - CONFIDENCE) / 2
    lows, highs = np.quantile(np.concatenate(ratios), [tail, 1 - tail], axis=0)
    values = numerators.sum(axis=0) / denominators.sum(axis=0)
    return [
        Estimate(float(value), float(low), float(high), n, "bootstrap")
        for value, low, high in zip(values, lows, highs, strict=True)
    ]


def draw_counts(n: int, seed: int = BOOTSTRAP_SEED) -> Iterator[np.ndarray]:
    """Yield how often each of n items is drawn in each of RESAMPLES resamples, as arrays `[CHUNK, n]`."""
    _require_items(n)
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES // CHUNK):
        drawn = rng.integers(n, size=(CHUNK, n)) + n * np.arange(CHUNK)[:, None]  # a range of its own for each resample
        yield np.bincount(drawn.ravel(), minlength=CHUNK * n).reshape(CHUNK, n).astype(float)


def widen_degenerate(
    estimate: Estimate, items: np.ndarray, span: tuple[float, float], interval: str, confidence: float = CONFIDENCE
) -> Estimate:
    """Widen the interval of a mean of items that are nearly all equal to at least that of a share.

    A bootstrap sees only the few items that differ; rarer values may exist that these items did not show. If all items
    are at one end of the span, the result is Wilson's interval of a share; for differences of 0 it is Tango's.

    Args:
        items: the values whose mean it is.
        span: the smallest and the largest possible value; without either, the estimate stays as it is.
        interval: the name of the widened interval.
    """
    value, low, high, n, _ = estimate
    unlike = n - np.unique(np.round(items, 9), return_counts=True)[1].max()
    if unlike >= FEW_UNLIKE or not all(map(math.isfinite, span)):
        return estimate
    unseen = stats.norm.ppf((1 + confidence) / 2) ** 2
    share = float(unseen / (n + unseen))
    wide = (min(low, value - (value - span[0]) * share), max(high, value + (span[1] - value) * share))
    return estimate if wide == (low, high) else Estimate(value, *wide, n, interval)


def _require_items(n: int) -> None:
    if n == 0:
        raise UserError("Nothing to estimate: the test set is empty. Raise `prepare.test` of the task's data set.")
