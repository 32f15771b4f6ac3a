"""Define the levels of the tests, and compute which differences n rows can show (power).

A dry run needs this, so it does not load SciPy."""

import math
from statistics import NormalDist

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
POWER = 0.8

_LEVEL, _POWER = (NormalDist().inv_cdf(share) for share in (1 - ALPHA / 2, POWER))


def find_detectable_share(discordance: float, n: int) -> float:
    """Return the difference of paired shares that McNemar's test finds with probability POWER at two-sided ALPHA.

    Connor's formula (Biometrics 43, 1987, 207-211) solved for the difference. The share of discordant pairs cannot be
    smaller than the difference, so it is raised to that: without discordant pairs the power is not infinite. 1 if there
    are too few items for any difference.
    """
    if n <= _LEVEL**2:
        return 1.0
    # √n u = level + power √(1 - u²), where u is the difference over the root of the discordance
    unit = (_LEVEL * math.sqrt(n) + _POWER * math.sqrt(n + _POWER**2 - _LEVEL**2)) / (n + _POWER**2)
    return min(1.0, max(unit * math.sqrt(discordance), unit**2))


def find_detectable_mean(n: int) -> float:
    """Return the mean difference that a paired t-test finds with probability POWER, in standard deviations.

    Guenther's formula (The American Statistician 35, 1981, 243-244) solved for the difference; infinite for so few rows
    that it has no solution.
    """
    if n <= _LEVEL**2 / 2:
        return math.inf
    return (_LEVEL + _POWER) / math.sqrt(n - _LEVEL**2 / 2)
