"""Compare two runs on the same items and decide the verdict: better, worse, equivalent or undecided.

"Not significant" is not "the same": runs are called equivalent only if a test shows that they differ by less than the
margin. If neither test succeeds the verdict is "undecided", and the smallest detectable difference says why.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from tunelab.comparison.bootstrap import Crossed, Measured, cross_differences, evaluate_seeds, find_span
from tunelab.comparison.power import ALPHA, CONFIDENCE, POWER, find_detectable_share
from tunelab.comparison.result_rows import Verdict
from tunelab.comparison.statistics import BOOTSTRAP_SEED, CHUNK, RESAMPLES, SMALL_SAMPLE, Estimate, widen_degenerate

EXACT_ITEMS = 13  # 2**13 swaps are fewer than RESAMPLES
# the p of equivalence is at least the chance that n rows all differ by less than the margin while this share of all
# possible rows does not
UNSEEN = 1 / 3
LEAST_EQUIVALENT = math.ceil(math.log(ALPHA) / math.log(1 - UNSEEN))  # the fewest rows that can show equivalence


def test_mcnemar(wins: int, losses: int) -> float:
    """Return the two-sided mid-p of McNemar's exact test; wins are items that only the first run gets right.

    The mid-p counts half of the observed outcome's probability: the exact p is needlessly large with few discordant
    pairs (Fagerland, Lydersen and Laake 2013, doi:10.1186/1471-2288-13-91).
    """
    rarer, pairs = min(wins, losses), wins + losses
    return float(2 * stats.binom.cdf(rarer, pairs, 0.5) - stats.binom.pmf(rarer, pairs, 0.5))


def estimate_score_interval(wins: float, losses: float, n: int, confidence: float) -> tuple[float, float]:
    """Return Tango's score interval of the difference of two paired shares (Statistics in Medicine 17, 1998, 891-908).

    It has a width even if no pair is discordant, since n pairs need not show rare differences. Counts may be means over
    seeds.
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
    """Return observed minus expected number of net wins, and its standard error, under this difference."""
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
    observed = abs(_differ(sums, np.zeros((1, 2)))[0]) - 1e-12 * scale  # equal up to rounding counts as extreme
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


class Contrast(NamedTuple):
    """The difference first minus second run, its interval and how that was made, and the tests behind a verdict.

    `p_equivalence` is for the claim that the difference is smaller than the margin. Wins and losses count the pairs
    over all seeds (shares only). `smallest_detectable` is the difference found with probability POWER; infinite for a
    mean of one item.
    """

    value: float
    low: float
    high: float
    n: int
    seeds: int
    interval: str
    p: float
    p_equivalence: float
    wins: int | None
    losses: int | None
    smallest_detectable: float


def compare_runs(
    first: Measured,
    second: Measured,
    margin: float,
    is_share: bool,
    is_drawn: bool = False,
    confidence: float = CONFIDENCE,
) -> Contrast:
    """Compare two runs on the same items; a run with one seed pairs with every seed of the other.

    Args:
        margin: two runs that differ by less are equivalent.
        is_share: whether the metric counts items, each right or wrong.
        is_drawn: whether there are several drawn answers to an item, so that its value is from 0 to 1.
        confidence: that of the interval.
    """
    tail = (1 - confidence) / 2
    n = first.numerators.shape[1]
    values = evaluate_seeds(first) - evaluate_seeds(second)
    seeds, value = len(values), float(values.mean())
    crossed = cross_differences(first, second, tail)
    low, high = (float(end) for end in np.quantile(crossed.draws, [tail, 1 - tail]))
    interval = "crossed" if seeds > 1 else "paired-bootstrap"
    p_equivalence = max(_test_equivalence_by_draws(value, crossed, margin), (1 - UNSEEN) ** n)
    wins = losses = None
    detectable = find_detectable(crossed)
    if is_share:
        wins = int((first.numerators > second.numerators).sum())
        losses = int((first.numerators < second.numerators).sum())
        # Seeds share the same n questions, so they count as one seed with the mean number of wins and losses.
        counts = (wins / seeds, losses / seeds, n)
        p_equivalence = max(p_equivalence, test_equivalence(*counts, margin))
        score_low, score_high = estimate_score_interval(*counts, confidence)
        # A bootstrap sees only pairs that differ from the commonest kind (wins, losses, or pairs that agree): with few
        # of them it is too narrow, with none it has no width.
        unlike = n - max(*counts[:2], n - sum(counts[:2]))
        if unlike < SMALL_SAMPLE and score_high - score_low > high - low:
            low, high, interval = score_low, score_high, "tango"
        if seeds == 1:
            detectable = find_detectable_share(sum(counts[:2]) / n, n)
        else:
            detectable = min(1.0, max(detectable, find_detectable_share(0.0, n)))
    if is_drawn:
        # Drawn answers are often all right or wrong: items without a difference show no more than those of a share.
        p_equivalence = max(p_equivalence, test_equivalence(0, 0, n, margin))
    if not is_share:
        gaps = (first.numerators / first.denominators - second.numerators / second.denominators).mean(axis=0)
        made = widen_degenerate(
            Estimate(value, low, high, n, interval), gaps, find_span(first, second), "tango", confidence
        )
        if made.interval != interval:
            _, low, high, _, interval = made
            width = first.span[1] - first.span[0]
            p_equivalence = max(p_equivalence, test_equivalence(0, 0, n, margin / width))
            detectable = max(detectable, find_detectable_share(0.0, n) * width)
    p = _test_difference(first, second, value, crossed, (wins, losses) if is_share and seeds == 1 else None)
    return Contrast(value, low, high, n, seeds, interval, p, p_equivalence, wins, losses, detectable)


def correct_family(p_values: list[float]) -> list[float]:
    """Return Holm's adjusted p-values of a family of tests.

    statsmodels' `multipletests` does the same, but runs the garbage collector at every call: 0.15 s each time.
    """
    found = np.asarray(p_values, float)
    order = np.argsort(found)
    adjusted = np.empty_like(found)
    adjusted[order] = np.maximum.accumulate(found[order] * np.arange(len(found), 0, -1)).clip(max=1.0)
    return adjusted.tolist()


def decide_verdict(
    value: float, p_holm: float, p_equivalence_holm: float, better: Literal["higher", "lower"]
) -> Verdict:
    """Decide what a comparison showed; a difference within the margin is equivalent, whatever its sign."""
    if p_equivalence_holm < ALPHA:
        return "equivalent"
    if p_holm < ALPHA:
        return "better" if (value > 0) == (better == "higher") else "worse"
    return "undecided"


def find_detectable(crossed: Crossed, level: float = ALPHA) -> float:
    """Return the difference that a t-test with this standard error finds with probability POWER."""
    return crossed.error * (crossed.find_critical(level / 2) + crossed.find_critical(1 - POWER))


def _test_difference(
    first: Measured, second: Measured, value: float, crossed: Crossed, discordant: tuple[int, int] | None
) -> float:
    """Return the two-sided p that there is no difference.

    With several seeds it is the largest of three: of the crossed draws; of Cochran's t, since resampled seeds cannot be
    more extreme than those trained; and of swapping items, which is valid with few items.
    """
    if discordant:
        return test_mcnemar(*discordant)
    by_items = [array.mean(axis=0) for run in (first, second) for array in (run.numerators, run.denominators)]
    p_items = test_swaps(*by_items)
    if max(len(first.numerators), len(second.numerators)) == 1:
        return p_items
    rarer = min(int((crossed.draws <= 0).sum()), int((crossed.draws >= 0).sum()))
    p_draws = min(1.0, 2 * (rarer + 1) / (RESAMPLES + 1))
    return max(p_draws, p_items, min(1.0, 2 * crossed.find_tail(abs(value))))


def _test_equivalence_by_draws(value: float, crossed: Crossed, margin: float) -> float:
    """Return the larger one-sided p that the difference is at least the margin, by the draws and by Cochran's t.

    The error of one item is infinite; a few equal items have no spread, for which UNSEEN makes up.
    """
    outside = max(int((crossed.draws <= -margin).sum()), int((crossed.draws >= margin).sum()))
    p_draws = (outside + 1) / (RESAMPLES + 1)
    return max(p_draws, crossed.find_tail(margin - abs(value)))
