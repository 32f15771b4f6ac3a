"""How much of a gain in strict accuracy is layout and how much is skill.

A strictly right answer has the layout and is right in it: strict = layout share times accuracy given the layout. The
difference of two such products splits exactly into a change of each factor, times the mean of the other: the split by
`layout`. Where a run has too few answers in the layout, nothing tells how often it would be right in it. Then the
`lenient` reading, which takes the last number and asks for no layout, tells skill: its change is the skill part, and
what strict reading loses of it, on one side more than on the other, is the layout part.
"""

from typing import Literal, NamedTuple

import numpy as np

from tunelab.comparison.crossed import Measured, cross_seeds, estimate_difference, resample_runs
from tunelab.comparison.power import CONFIDENCE
from tunelab.comparison.statistics import Estimate

# Enough answers in the layout, of each seed. Of 5, a resample of the rows has none in 7 of 1,000 cases, so that an
# accuracy given the layout has an interval; and what holds in less than a twentieth of the answers tells of few.
FEWEST, SMALLEST = 5, 0.05


class Answers(NamedTuple):
    """One run's answers as booleans, seeds by items: in the layout, strictly right, right by their last number."""

    layout: np.ndarray
    strict: np.ndarray
    flexible: np.ndarray


class Gain(NamedTuple):
    """First minus second share of strictly right answers, how it was split, and the two parts it is the sum of."""

    split: Literal["layout", "lenient"] | None
    total: Estimate
    layout: Estimate | None
    skill: Estimate | None


def split_gain(first: Answers, second: Answers) -> Gain:
    """Split first minus second strict accuracy; a side of one row (an untouched model) pairs with every seed.

    All seeds are split in the same way, as a mean of two ways would be neither: by the layout if each has enough
    answers in it. The lenient reading must be lenient: where an answer is strictly right though its last number is
    wrong, that reading does not tell skill, and there is no split.
    Raises ValueError for an answer that is strictly right without the layout.
    """
    if any((side.strict & ~side.layout).any() for side in (first, second)):
        raise ValueError("an answer is strictly right without the layout")
    total = estimate_difference(_measure(first.strict), _measure(second.strict))
    if has_enough(first.layout) and has_enough(second.layout):
        return Gain("layout", total, *_split_by_layout(first, second))
    if any((side.strict & ~side.flexible).any() for side in (first, second)):
        return Gain(None, total, None, None)
    lost = [_measure(side.strict.astype(float) - side.flexible, (-1.0, 0.0)) for side in (first, second)]
    skill = estimate_difference(_measure(first.flexible), _measure(second.flexible))
    return Gain("lenient", total, estimate_difference(*lost), skill)


def has_enough(layout: np.ndarray) -> bool:
    """Tell whether each seed has enough answers in the layout to tell how often these are right."""
    counts = layout.sum(axis=1)
    return bool((counts >= max(FEWEST, SMALLEST * layout.shape[1])).all())


def _measure(values: np.ndarray, span: tuple[float, float] = (0.0, 1.0)) -> Measured:
    return Measured(values.astype(float), np.ones(values.shape), span)


def _split_by_layout(first: Answers, second: Answers) -> list[Estimate]:
    """Estimate the layout part and the skill part: each seed's difference is split, then the mean taken.

    The few resamples in which a seed has no answer in the layout are left out.
    """
    arrays = first.layout, first.strict, second.layout, second.strict
    values = _weigh(*(array.mean(axis=1) for array in arrays))
    with np.errstate(invalid="ignore"):  # 0 / 0: no answer has the layout
        resampled = _weigh(*resample_runs(*map(_measure, arrays)))
    defined = np.isfinite(resampled).all(axis=(0, 2))
    (seeds,), n, tail = values[0].shape, first.layout.shape[1], (1 - CONFIDENCE) / 2
    parts = []
    for value, draws in zip(values, resampled, strict=True):
        low, high = np.quantile(cross_seeds(value, draws[defined], n).draws.clip(-1, 1), [tail, 1 - tail])
        name = "crossed" if seeds > 1 else "paired-bootstrap"
        parts.append(Estimate(float(value.mean()), float(low), float(high), n, name))
    return parts


def _weigh(
    first_layout: np.ndarray, first_strict: np.ndarray, second_layout: np.ndarray, second_strict: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the layout part and the skill part of the difference, of shares in arrays that broadcast."""
    first, second = first_strict / first_layout, second_strict / second_layout
    return (first_layout - second_layout) * (first + second) / 2, (first_layout + second_layout) / 2 * (first - second)
