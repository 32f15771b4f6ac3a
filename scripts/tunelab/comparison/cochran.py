"""The standard error of a mean over seeds and items, whose two parts are known to a different degree, and its t.

Cochran's t is the mean of both parts' critical values, weighted by their variances (Biometrics 20, 1964, 191-195).
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import brentq

LEAST = 1e-12  # no smaller p is told apart


class Variance(NamedTuple):
    """A part of the variance of a mean (infinite for one item), and the degrees of freedom with which it is known."""

    value: float
    freedom: int


class Crossed(NamedTuple):
    """Draws of a mean over seeds, and the parts of its variance: of items and, of several seeds, of these."""

    draws: np.ndarray
    parts: tuple[Variance, ...]

    @property
    def error(self) -> float:
        """The standard error."""
        return math.sqrt(sum(part.value for part in self.parts))

    def find_critical(self, tail: float) -> float:
        """Return the number of standard errors that chance exceeds on one side with this probability (Cochran's t)."""
        variances = [part.value for part in self.parts]
        if len(variances) == 1 or not 0 < sum(variances) < math.inf:
            return float(stats.t.isf(tail, self.parts[0].freedom))
        criticals = stats.t.isf(tail, [part.freedom for part in self.parts])
        return float(np.average(criticals, weights=variances))

    def find_tail(self, distance: float) -> float:
        """Return the one-sided p of a value this far on the right side of a border: the inverse of `find_critical`."""
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        errors = abs(distance) / self.error
        if self.find_critical(LEAST) <= errors:
            tail = LEAST
        elif errors == 0:
            tail = 0.5
        else:
            tail = math.exp(
                brentq(lambda log: self.find_critical(math.exp(log)) - errors, math.log(LEAST), math.log(0.5))
            )
        return tail if distance >= 0 else 1 - tail
