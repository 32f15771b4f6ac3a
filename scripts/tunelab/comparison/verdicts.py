"""Compare two runs on the same items and say in one word what the comparison showed.

"Not significant" is not "the same": a difference is called equivalent only when a test shows that it is smaller than
the margin that matters; where neither test succeeds the word is "undecided", and the smallest difference that the
items could have shown says why.
"""

import math
from typing import Literal, NamedTuple

import numpy as np

from tunelab.comparison.crossed import TAIL, Crossed, Measured, cross_differences, evaluate_seeds, find_span
from tunelab.comparison.paired import estimate_score_interval, test_equivalence, test_mcnemar, test_swaps
from tunelab.comparison.power import ALPHA, CONFIDENCE, POWER, find_detectable_share
from tunelab.comparison.rows import Verdict
from tunelab.comparison.statistics import RESAMPLES, SMALL_SAMPLE, Estimate, widen_degenerate

# the p of equivalence is at least the chance that n rows all lie within the margin and this share of all rows does not
UNSEEN = 1 / 3
LEAST_EQUIVALENT = math.ceil(math.log(ALPHA) / math.log(1 - UNSEEN))  # rows that a claim of equivalence takes


class Contrast(NamedTuple):
    """First minus second run: the difference, its interval and how that was made, and the evidence for a verdict.

    `p_equivalence` belongs to the claim that the difference is smaller than the margin. Wins and losses count the
    pairs over all seeds (shares only). `smallest_detectable` is the difference found with probability POWER;
    infinite when there is one item of a mean.
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


def compare_runs(first: Measured, second: Measured, margin: float, is_share: bool, is_drawn: bool = False) -> Contrast:
    """Compare two runs on the same items; arrays are seeds by items, and a single row pairs with every seed.

    A share counts items, each right or wrong; what is drawn has several answers to an item, and values from 0 to 1.
    """
    n = first.numerators.shape[1]
    values = evaluate_seeds(first) - evaluate_seeds(second)
    seeds, value = len(values), float(values.mean())
    crossed = cross_differences(first, second)
    low, high = (float(end) for end in np.quantile(crossed.draws, [TAIL, 1 - TAIL]))
    interval = "crossed" if seeds > 1 else "paired-bootstrap"
    p_equivalence = max(_test_equivalence_by_draws(value, crossed, margin), (1 - UNSEEN) ** n)
    wins = losses = None
    detectable = _find_detectable(crossed)
    if is_share:
        wins = int((first.numerators > second.numerators).sum())
        losses = int((first.numerators < second.numerators).sum())
        # Several seeds ask the same n questions: they count as one seed with the mean number of wins and losses.
        counts = (wins / seeds, losses / seeds, n)
        p_equivalence = max(p_equivalence, test_equivalence(*counts, margin))
        score_low, score_high = estimate_score_interval(*counts, CONFIDENCE)
        # Only discordant pairs move the bootstrap; with few of them it is too narrow, with none it has no width.
        if sum(counts[:2]) < SMALL_SAMPLE and score_high - score_low > high - low:
            low, high, interval = score_low, score_high, "tango"
        if seeds == 1:
            detectable = find_detectable_share(sum(counts[:2]) / n, n)
        else:
            detectable = min(1.0, max(detectable, find_detectable_share(0.0, n)))
    if is_drawn:
        # Draws are often all right or all wrong: items without any difference show no more than those of a share.
        p_equivalence = max(p_equivalence, test_equivalence(0, 0, n, margin))
    if not is_share:
        gaps = (first.numerators / first.denominators - second.numerators / second.denominators).mean(axis=0)
        made = widen_degenerate(Estimate(value, low, high, n, interval), gaps, find_span(first, second), "tango")
        if made.interval != interval:
            _, low, high, _, interval = made
            width = first.span[1] - first.span[0]
            p_equivalence = max(p_equivalence, test_equivalence(0, 0, n, margin / width))
            detectable = max(detectable, find_detectable_share(0.0, n) * width)
    p = _test_difference(first, second, value, crossed, (wins, losses) if is_share and seeds == 1 else None)
    return Contrast(value, low, high, n, seeds, interval, p, p_equivalence, wins, losses, detectable)


def correct_family(p_values: list[float]) -> list[float]:
    """Return Holm's adjusted p of each test of a family.

    Not by statsmodels' `multipletests`, which collects all garbage of the process at every call: 0.15 s each time.
    """
    found = np.asarray(p_values, float)
    order = np.argsort(found)
    adjusted = np.empty_like(found)
    adjusted[order] = np.maximum.accumulate(found[order] * np.arange(len(found), 0, -1)).clip(max=1.0)
    return adjusted.tolist()


def judge(value: float, p_holm: float, p_equivalence_holm: float, better: Literal["higher", "lower"]) -> Verdict:
    """Say what a comparison showed; a difference shown to be within the margin is equivalent, whatever its sign."""
    if p_equivalence_holm < ALPHA:
        return "equivalent"
    if p_holm < ALPHA:
        return "better" if (value > 0) == (better == "higher") else "worse"
    return "undecided"


def _find_detectable(crossed: Crossed) -> float:
    """Return the difference that a t-test with the draws' standard error finds with probability POWER."""
    return crossed.error * (crossed.find_critical(ALPHA / 2) + crossed.find_critical(1 - POWER))


def _test_difference(
    first: Measured, second: Measured, value: float, crossed: Crossed, discordant: tuple[int, int] | None
) -> float:
    """Return the two-sided p that there is no difference.

    With several seeds it is the largest of three: that of the crossed draws; that of Cochran's t, since resampled
    seeds cannot be more extreme than those trained; and that of swapping items, which stays true with few items.
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

    One item has no spread to measure (its error is infinite); a few equal ones have none either, see UNSEEN.
    """
    outside = max(int((crossed.draws <= -margin).sum()), int((crossed.draws >= margin).sum()))
    p_draws = (outside + 1) / (RESAMPLES + 1)
    return max(p_draws, crossed.find_tail(margin - abs(value)))
