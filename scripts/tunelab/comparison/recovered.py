"""Which share of its teacher's gain a student has recovered: (student - start) / (teacher - start), on the same items.

The interval is Fieller's: the shares r for which student - start - r (teacher - start) cannot be told from 0. It needs
a teacher whose gain can be told from 0; otherwise a share of nothing would be quoted, and none is.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from tunelab.comparison.crossed import TAIL, Measured, cross_seeds, evaluate_seeds, resample_runs
from tunelab.comparison.statistics import Estimate

FURTHEST = 1e6  # a share beyond it is none


def estimate_recovered(student: Measured, teacher: Measured, start: Measured) -> Estimate | None:
    """Return the recovered share over seeds and items; None if the teacher's gain over the start has 0 in its interval.

    Each is seeds by items; one row (an untouched model) stands for every seed.
    """
    above = [evaluate_seeds(measured) for measured in (student, teacher, start)]
    drawn = resample_runs(student, teacher, start)
    gains, most = above[0] - above[2], above[1] - above[2]
    drawn_gains, drawn_most = drawn[0] - drawn[2], drawn[1] - drawn[2]
    n = student.numerators.shape[1]

    def find_end(tail: float, side: float) -> float | None:
        def end(share: float) -> float:
            rest = cross_seeds(gains - share * most, drawn_gains - share * drawn_most, n)
            return float(np.quantile(rest.draws, tail))

        return _find_root(end, share, side)

    low, high = np.quantile(cross_seeds(most, drawn_most, n).draws, [TAIL, 1 - TAIL])
    if low <= 0 <= high:
        return None
    share, side = float(gains.mean() / most.mean()), float(np.sign(most.mean()))
    ends = find_end(TAIL, -side), find_end(1 - TAIL, side)
    return None if None in ends else Estimate(share, min(ends), max(ends), n, "fieller")


def _find_root(end: Callable[[float], float], share: float, side: float) -> float | None:
    """Return the share, on this side of the estimate, at which an end of the rest's interval is 0; None if far off."""
    at, step = end(share), 0.1
    while step < FURTHEST:
        if end(share + side * step) * at <= 0:
            return float(brentq(end, *sorted((share, share + side * step)), xtol=1e-4))
        step *= 2
    return None
