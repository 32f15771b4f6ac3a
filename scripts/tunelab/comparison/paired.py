"""Tests and an interval for two runs that answered the same items, one seed each.

Only items on which the runs differ say anything about which is better; how many items agree bounds how large the
difference can be. So the tests look at the discordant pairs and the score interval at all pairs.
"""

import math

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from tunelab.comparison.statistics import BOOTSTRAP_SEED, CHUNK, RESAMPLES

EXACT_ITEMS = 13  # 2**13 swaps are fewer than RESAMPLES


def test_mcnemar(wins: int, losses: int) -> float:
    """Return the two-sided mid-p of McNemar's exact test; wins are items that only the first run gets right.

    The mid-p counts half of the observed outcome's probability: the exact p is needlessly large with few discordant
    pairs (Fagerland, Lydersen and Laake 2013, doi:10.1186/1471-2288-13-91).
    """
    rarer, pairs = min(wins, losses), wins + losses
    return float(2 * stats.binom.cdf(rarer, pairs, 0.5) - stats.binom.pmf(rarer, pairs, 0.5))


def estimate_score_interval(wins: float, losses: float, n: int, confidence: float) -> tuple[float, float]:
    """Return Tango's score interval of the difference of two paired shares (Statistics in Medicine 17, 1998, 891-908).

    It has a width even where no pair is discordant: what n pairs did not show may still be there. Counts may be
    means over seeds.
    """
    z = stats.norm.ppf((1 + confidence) / 2)
    # At the three borders the score has a root at the value itself; the end of the interval is the other one.
    if wins == losses == 0:
        half = float(z**2 / (n + z**2))
        return -half, half
    if n in (wins, losses):
        end = float((n - z**2) / (n + z**2))
        return (end, 1.0) if wins == n else (-1.0, -end)

    def exceed(difference: float, side: float) -> float:
        gap, error = _score_parts(wins, losses, n, difference)
        return gap - side * z * error

    value = (wins - losses) / n
    return float(brentq(exceed, -1.0, value, args=(1,))), float(brentq(exceed, value, 1.0, args=(-1,)))


def test_equivalence(wins: float, losses: float, n: int, margin: float) -> float:
    """Return the larger p of the two one-sided score tests that the paired shares differ by at least the margin.

    It is below a level exactly when Tango's interval of confidence 1 - 2 levels lies within the margin.
    """
    if margin >= 1:
        return 0.0  # no two shares differ by more

    def tail(border: float) -> float:
        gap, error = _score_parts(wins, losses, n, border)
        inward = gap if border < 0 else -gap
        return float(stats.norm.sf(inward / error)) if error else float(inward <= 0)

    return max(tail(-margin), tail(margin))


def _score_parts(wins: float, losses: float, n: int, difference: float) -> tuple[float, float]:
    """Return observed minus supposed number of net wins, and its standard error were the supposed difference true."""
    linear = (2 * n - wins + losses) * difference - wins - losses
    constant = -losses * difference * (1 - difference)
    # The most likely share of losses, given the difference: the positive root of 2n q² + linear q + constant.
    loss_share = (math.sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * loss_share + difference * (1 - difference))
    return wins - losses - n * difference, math.sqrt(max(variance, 0.0))


def test_swaps(
    first_numerators: np.ndarray,
    first_denominators: np.ndarray,
    second_numerators: np.ndarray,
    second_denominators: np.ndarray,
) -> float:
    """Return the two-sided p of swapping items between two runs; the statistic is the difference of ratios of sums.

    All arrays hold one number per item; a mean has denominators 1. Up to EXACT_ITEMS items every swap is tried,
    beyond that RESAMPLES random ones.
    """
    first = np.column_stack([first_numerators, first_denominators]).astype(float)  # items by 2
    second = np.column_stack([second_numerators, second_denominators]).astype(float)
    sums, moves = np.array([first.sum(axis=0), second.sum(axis=0)]), second - first
    scale = float(np.abs(sums[:, 0] / sums[:, 1]).sum())
    observed = abs(_differ(sums, np.zeros((1, 2)))[0]) - 1e-12 * scale  # equal but for rounding is as extreme
    n = len(first)
    if n <= EXACT_ITEMS:
        swapped = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return float(np.mean(np.abs(_differ(sums, swapped @ moves)) >= observed))
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    count = 0
    for _ in range(RESAMPLES // CHUNK):
        swapped = rng.integers(0, 2, size=(CHUNK, n), dtype=np.int8).astype(float)
        count += int(np.sum(np.abs(_differ(sums, swapped @ moves)) >= observed))
    return (count + 1) / (RESAMPLES + 1)


def _differ(sums: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return first minus second ratio after `moved` (swaps by 2) went from the second run's sums to the first's."""
    first, second = sums[0] + moved, sums[1] - moved
    return first[:, 0] / first[:, 1] - second[:, 0] / second[:, 1]
