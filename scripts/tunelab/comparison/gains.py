"""How much of a gain in strict accuracy is a better format and how much is better reasoning.

A strictly right answer has the format and is right in it: strict = format times accuracy given the format. The
difference of two such products splits exactly into a change of each factor, times the mean of the other.
"""

from typing import NamedTuple

import numpy as np

from tunelab.comparison.crossed import Measured, cross_seeds, resample_runs
from tunelab.comparison.statistics import CONFIDENCE, Estimate


class Gain(NamedTuple):
    """First minus second share of strictly right answers, and the two parts it is the sum of."""

    total: Estimate
    format: Estimate
    reasoning: Estimate


def split_gain(
    first_format: np.ndarray, first_strict: np.ndarray, second_format: np.ndarray, second_strict: np.ndarray
) -> Gain:
    """Split first minus second strict accuracy; arrays of booleans, one per item or seeds by items.

    Each seed's gain is split, then the mean taken; an array of one row pairs with every seed. A run that never has the
    format shows nothing of its reasoning: it is taken to reason as the other does, and the whole gain is format.
    Raises ValueError for an answer that is strictly right without the format.
    """
    arrays = [np.atleast_2d(a).astype(float) for a in (first_format, first_strict, second_format, second_strict)]
    if (arrays[1] > arrays[0]).any() or (arrays[3] > arrays[2]).any():
        raise ValueError("an answer is strictly right without the format")
    n = arrays[0].shape[1]
    resampled = _split(*resample_runs(*(Measured(array, np.ones_like(array)) for array in arrays)))
    values = _split(*(array.mean(axis=1) for array in arrays))
    name = "crossed" if len(values[0]) > 1 else "paired-bootstrap"
    tail = (1 - CONFIDENCE) / 2
    parts = []
    for value, draws in zip(values, resampled, strict=True):
        low, high = np.quantile(cross_seeds(value, draws, n).draws.clip(-1, 1), [tail, 1 - tail])
        parts.append(Estimate(float(value.mean()), float(low), float(high), n, name))
    return Gain(*parts)


def _split(
    first_format: np.ndarray, first_strict: np.ndarray, second_format: np.ndarray, second_strict: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the total difference, its format part and its reasoning part, of shares in arrays that broadcast."""
    with np.errstate(invalid="ignore"):  # 0 / 0: no answer has the format
        first, second = first_strict / first_format, second_strict / second_format
    first, second = np.where(np.isnan(first), second, first), np.where(np.isnan(second), first, second)
    first, second = np.nan_to_num(first), np.nan_to_num(second)
    return (
        first_strict - second_strict,
        (first_format - second_format) * (first + second) / 2,
        (first_format + second_format) / 2 * (first - second),
    )
