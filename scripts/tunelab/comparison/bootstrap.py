"""Estimate values and differences over seeds and items by a crossed bootstrap, which resamples both.

With few seeds the plain percentile interval of a crossed bootstrap is far too narrow when seeds differ much, since
resampled seeds never leave the range of those trained. So the draws keep their shape, but are spread to the standard
error (variance between seeds over their number, plus that of items) and widened by Cochran's t: the mean of both parts'
critical values, weighted by their variances (Cochran, Biometrics 20, 1964, 191-195). Satterthwaite's degrees of
freedom, the usual way, take two seeds that happen to agree as proof that seeds agree: in simulations they cover 87 % of
a promised 95 % at worst (three seeds: 90 %). If answers vary by chance only, both parts contain that noise, and the
interval is wider than needed.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from tunelab.comparison.power import CONFIDENCE
from tunelab.comparison.statistics import (
    BOOTSTRAP_SEED,
    Estimate,
    draw_counts,
    estimate_proportion,
    estimate_ratios,
    find_share_interval,
    widen_degenerate,
)
from tunelab.errors import UserError

LEAST = 1e-12  # p-values below it are not distinguished
TAIL = (1 - CONFIDENCE) / 2


class Variance(NamedTuple):
    """A part of the variance of a mean (infinite for one item), and its degrees of freedom (dof)."""

    value: float
    freedom: int


class Crossed(NamedTuple):
    """Draws of a mean over seeds, and the parts of its variance: between items and, of several seeds, between seeds."""

    draws: np.ndarray
    parts: tuple[Variance, ...]

    @property
    def error(self) -> float:
        """The standard error."""
        return math.sqrt(sum(part.value for part in self.parts))

    def find_critical(self, tail: float) -> float:
        """Return the critical value (Cochran's t) in standard errors, exceeded on one side with probability `tail`."""
        variances = [part.value for part in self.parts]
        if len(variances) == 1 or not 0 < sum(variances) < math.inf:
            return float(stats.t.isf(tail, self.parts[0].freedom))
        criticals = stats.t.isf(tail, [part.freedom for part in self.parts])
        return float(np.average(criticals, weights=variances))

    def find_tail(self, distance: float) -> float:
        """Return the one-sided p of a value this far beyond a border: the inverse of `find_critical`."""
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


class Measured(NamedTuple):
    """One run's items, `[seeds, items]`: a share or a mean has denominators 1, a loss has summed nats and tokens.

    `span` holds the smallest and the largest possible value, which no interval exceeds.
    """

    numerators: np.ndarray
    denominators: np.ndarray
    span: tuple[float, float] = (-math.inf, math.inf)


def select_items(measured: Measured, kept: Sequence[bool]) -> Measured:
    """Return the items for which `kept` is true."""
    kept = np.asarray(kept, bool)
    return measured._replace(numerators=measured.numerators[:, kept], denominators=measured.denominators[:, kept])


def pick_seed(measured: Measured, place: int) -> Measured:
    """Return the items of one seed."""
    rows = slice(place, place + 1)
    return measured._replace(numerators=measured.numerators[rows], denominators=measured.denominators[rows])


class Parts(NamedTuple):
    """Standard deviations: between seeds, between items, and the rest (chance, for one seed and item)."""

    seed: float
    item: float
    sampling: float


def estimate_run(measured: Measured) -> Estimate:
    """Return the mean over seeds of each seed's ratio of sums; with several seeds the interval covers them, too."""
    items = (measured.numerators / measured.denominators).mean(axis=0)
    if len(measured.numerators) == 1:
        (made,) = estimate_ratios(measured.numerators.T, measured.denominators.T)
    else:
        (resampled,) = resample_runs(measured)
        values = evaluate_seeds(measured)
        draws = cross_seeds(values, resampled, len(items)).draws
        made = _summarise(float(values.mean()), draws.clip(*measured.span), len(items), "crossed")
    return widen_degenerate(made, items, measured.span, "wilson")


def estimate_share(outcomes: np.ndarray) -> Estimate:
    """Return the share of true outcomes `[seeds, items]`, with the interval of a proportion if there is one seed.

    An outcome may be a half, which is a tie. With several seeds the crossed interval is never narrower than that of one
    seed with the mean share: answers that are all wrong have no spread to resample, but 8 of them do not prove that
    none is ever right.
    """
    seeds, n = outcomes.shape
    if seeds == 1:
        return estimate_proportion(list(outcomes[0]))
    crossed = estimate_run(Measured(outcomes.astype(float), np.ones(outcomes.shape), (0.0, 1.0)))
    low, high = find_share_interval(crossed.value * n, n)
    low, high = max(0.0, min(crossed.low, low)), min(1.0, max(crossed.high, high))
    return crossed._replace(low=low, high=high, interval="crossed")


def estimate_metric(measured: Measured, share: bool) -> Estimate:
    """Estimate a metric over these seeds and items; `share` tells whether it counts items."""
    return estimate_share(measured.numerators) if share else estimate_run(measured)


def estimate_difference(first: Measured, second: Measured) -> Estimate:
    """Return first minus second with the interval of `resample_differences`."""
    name = "paired-bootstrap" if len(first.numerators) == len(second.numerators) == 1 else "crossed"
    value = float((evaluate_seeds(first) - evaluate_seeds(second)).mean())
    return _summarise(value, resample_differences(first, second), first.numerators.shape[1], name)


def resample_differences(first: Measured, second: Measured) -> np.ndarray:
    """Return RESAMPLES draws of first minus second; both sides have the same items and seeds in each draw."""
    return cross_differences(first, second).draws


def cross_differences(first: Measured, second: Measured, tail: float = TAIL) -> Crossed:
    """Return the draws of first minus second with their variances; a side with one seed pairs with every seed."""
    above, below = resample_runs(first, second)
    values = evaluate_seeds(first) - evaluate_seeds(second)
    crossed = cross_seeds(values, above - below, first.numerators.shape[1], tail)
    return crossed._replace(draws=crossed.draws.clip(*find_span(first, second)))


def find_span(first: Measured, second: Measured) -> tuple[float, float]:
    """Return the smallest and the largest possible difference, first minus second."""
    return first.span[0] - second.span[1], first.span[1] - second.span[0]


def evaluate_seeds(measured: Measured) -> np.ndarray:
    """Return each seed's ratio of sums."""
    return measured.numerators.sum(axis=1) / measured.denominators.sum(axis=1)


def resample_runs(*runs: Measured) -> list[np.ndarray]:
    """Return each run's ratios of sums `[RESAMPLES, seeds]`; all runs and seeds share the same resampled items."""
    numerators = np.vstack([run.numerators for run in runs]).astype(float).T  # items by all seeds of all runs
    denominators = np.vstack([run.denominators for run in runs]).astype(float).T
    ratios = [(counts @ numerators) / (counts @ denominators) for counts in draw_counts(len(numerators))]
    borders = np.cumsum([len(run.numerators) for run in runs])[:-1]
    return np.split(np.concatenate(ratios), borders, axis=1)


def cross_seeds(values: np.ndarray, resampled: np.ndarray, n: int, tail: float = TAIL) -> Crossed:
    """Resample the seeds of values whose n items are resampled already, `[RESAMPLES, seeds]`; one seed stays as it is.

    tail: the part of the draws beyond each end of the interval that is read from them.

    Raises:
        ValueError: if the number of seeds differs.
    """
    seeds, value = len(values), float(values.mean())
    if resampled.shape[1] != seeds:
        raise ValueError(f"{seeds} seeds, but resamples of {resampled.shape[1]}")
    # Resampling n items gives a variance that is too small by (n - 1) / n.
    items = Variance(float(resampled.mean(axis=1).var()) * n / (n - 1) if n > 1 else math.inf, max(n - 1, 1))
    if seeds == 1:
        return Crossed(resampled[:, 0], (items,))
    rng = np.random.default_rng([BOOTSTRAP_SEED, seeds])  # another stream than the items'
    weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=len(resampled)) / seeds
    draws = (resampled * weights).sum(axis=1)
    crossed = Crossed(draws, (items, Variance(float(values.var(ddof=1)) / seeds, seeds - 1)))
    low, high = np.quantile(draws, [tail, 1 - tail])
    if n == 1 or low == high:
        return crossed
    # scaled by the distance of the quantiles, since draws of two seeds are far from normal
    widened = 2 * crossed.error * crossed.find_critical(tail) / (high - low)
    return crossed._replace(draws=value + (draws - value) * widened)


def estimate_parts(values: np.ndarray) -> Parts:
    """Split the variance of values `[seeds, items]` or `[seeds, items, samples]` by the method of moments.

    It uses the expected mean squares of a random two-way layout; a negative component is 0. Without samples the
    interaction of seed and item cannot be separated from chance and is part of `sampling`; with samples it is left out.
    """
    values = np.asarray(values, float)
    values = values[:, :, None] if values.ndim == 2 else values
    seeds, items, samples = values.shape
    if seeds < 2 or items < 2:
        raise UserError(
            f"The spread of {seeds} seed(s) and {items} item(s) cannot be split: it takes two of each. "
            "Add a seed to `study.seeds` or raise `prepare.test` of the task's data set."
        )
    cells, grand = values.mean(axis=2), values.mean()
    by_seed, by_item = cells.mean(axis=1), cells.mean(axis=0)
    seed_square = items * samples * by_seed.var(ddof=1)
    item_square = seeds * samples * by_item.var(ddof=1)
    left = cells - by_seed[:, None] - by_item + grand
    crossed_square = samples * float((left**2).sum()) / ((seeds - 1) * (items - 1))
    within = values.var(axis=2, ddof=1).mean() if samples > 1 else crossed_square
    return Parts(
        seed=math.sqrt(max(seed_square - crossed_square, 0.0) / (items * samples)),
        item=math.sqrt(max(item_square - crossed_square, 0.0) / (seeds * samples)),
        sampling=math.sqrt(within),
    )


def _summarise(value: float, draws: np.ndarray, n: int, interval: str) -> Estimate:
    low, high = np.quantile(draws, [TAIL, 1 - TAIL])
    return Estimate(value, float(low), float(high), n, interval)
