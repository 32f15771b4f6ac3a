"""Choose the settings of a run among its trials, by how they did on held-out rows that no test asks.

The best of several trials is partly the luckiest. So all trials within one standard error of the best, paired on the
same rows and seeds, count as equally good; of these the one nearest to what the run says itself is taken (nearest by
powers of ten, since rates matter by factors), then the one in the middle of them, then the lower rate. A trial that
did not learn (a loss that is no number, for example) is worse than all others; one that crashed ends the study, as it
says nothing of its settings.
"""

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import integrate, stats

from tunelab.comparison.bootstrap import Measured, estimate_difference, evaluate_seeds
from tunelab.comparison.choice_rows import Choice, TrialScore
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import find_metric
from tunelab.comparison.result_rows import Number
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder

RATE = "training.learning_rate"
FEWEST = 3  # values of a field, of which the outer ones are edges


class Tried(NamedTuple):
    """A trial: its settings, its values, and why it did not learn (of some seed), if so."""

    name: str
    settings: dict[str, Any]
    measured: Measured
    diverged: list[str]
    seconds: float
    sources: list[str]

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return float(evaluate_seeds(self.measured).mean())


def choose(study: StudyFolder) -> Choice:
    """Choose among a run's trials; `study` is one of trials (`jobs.slices.Slices.tuning`).

    Raises:
        UserError: if no trial learnt.
    """
    tuned, (task,) = study.spec["tuned"], study.tasks
    tried = [_read(study, Items(study), name, task, tuned["metric"]) for name in study.runs]
    scored = [trial for trial in tried if not trial.diverged]
    if not scored:
        raise UserError(
            f"tuning.runs.{tuned['run']}: none of the {len(tried)} trials learnt ({tried[0].diverged[0]}) "
            "Try lower rates, or other settings."
        )
    sign = -1 if find_metric(tuned["metric"]).better == "lower" else 1
    best = max(scored, key=lambda trial: sign * trial.value)
    gaps = {trial.name: abs(best.value - trial.value) for trial in scored}
    errors = {trial.name: estimate_error(best.measured, trial.measured) for trial in scored}
    near = [trial for trial in scored if gaps[trial.name] <= errors[trial.name]]
    chosen = rank_settings([trial.settings for trial in near], tuned["own"])
    (taken,) = (trial for trial in near if trial.settings == chosen)
    own = next((trial for trial in scored if trial.settings == tuned["own"]), None)
    return Choice(
        run=tuned["run"],
        task=task,
        metric=tuned["metric"],
        rows=tuned["rows"],
        n=best.measured.numerators.shape[1],
        seeds=study.spec["study"]["seeds"],
        own=tuned["own"],
        trials=[_describe(trial, gaps.get(trial.name), errors.get(trial.name), near) for trial in tried],
        best=best.name,
        chosen=taken.name,
        settings=taken.settings,
        edges=find_edges(best.settings, [trial.settings for trial in tried]),
        gained=_differ(taken, own) if own and own != taken else None,
        floor=find_floor([trial.measured for trial in scored], len(tried)),
        train_seconds=sum(trial.seconds for trial in tried),
    )


def _read(study: StudyFolder, items: Items, name: str, task: str, metric: str) -> Tried:
    measured, sources = items.measure(name, task, metric)
    files = [study.run_file(name, seed, "training.json") for seed in study.list_seeds(name)]
    trainings = [study.load(file) for file in files]
    return Tried(
        name=name,
        settings=study.run(name)["settings"],
        measured=measured,
        diverged=[training["diverged"] for training in trainings if training["diverged"]],
        seconds=sum(training["train_seconds"] for training in trainings),
        sources=[*sources, *map(study.name, files)],
    )


def _describe(trial: Tried, gap: float | None, error: float | None, near: list[Tried]) -> TrialScore:
    return TrialScore(
        name=trial.name,
        settings=trial.settings,
        value=None if trial.diverged else trial.value,
        by_seed=[] if trial.diverged else [float(value) for value in evaluate_seeds(trial.measured)],
        gap=gap,
        error=error,
        near=trial in near,
        diverged=trial.diverged[0] if trial.diverged else None,
        sources=trial.sources,
    )


def _differ(taken: Tried, own: Tried) -> Number:
    return Number(**estimate_difference(taken.measured, own.measured)._asdict())


def estimate_error(first: Measured, second: Measured) -> float:
    """Return the standard error of the difference of two trials, paired on rows and seeds.

    It is that of `bootstrap.cross_differences` without resampling: the ratios are linear in their rows to first order.
    """

    def spread(measured: Measured) -> np.ndarray:
        above, below = measured.numerators, measured.denominators
        ratios = evaluate_seeds(measured)[:, None]
        return ((above - ratios * below) / below.mean(axis=1, keepdims=True)).mean(axis=0)

    seeds, n = first.numerators.shape
    rows = float((spread(first) - spread(second)).var(ddof=1)) / n if n > 1 else math.inf
    values = evaluate_seeds(first) - evaluate_seeds(second)
    return math.sqrt(rows + (float(values.var(ddof=1)) / seeds if seeds > 1 else 0.0))


def rank_settings(candidates: Sequence[dict[str, Any]], own: dict[str, Any]) -> dict[str, Any]:
    """Return the settings nearest to a run's own; of equally near ones the middle, and then the lower rate."""

    def measure(settings: dict[str, Any]) -> float:
        return sum(measure_distance(value, own[field]) for field, value in settings.items())

    nearest = min(map(measure, candidates))
    near = [settings for settings in candidates if math.isclose(measure(settings), nearest, abs_tol=1e-9)]

    def leave_middle(settings: dict[str, Any]) -> float:
        return sum(
            measure_distance(value, statistics.median_low([other[field] for other in near]))
            for field, value in settings.items()
            if all(_is_positive(other[field]) for other in near)
        )

    return min(near, key=lambda settings: (round(leave_middle(settings), 9), settings.get(RATE) or 0.0))


def measure_distance(value: Any, other: Any) -> float:
    """Measure how far two values are apart: in powers of ten, or 1 if they differ and are no positive numbers."""
    if _is_positive(value) and _is_positive(other):
        return abs(math.log10(value / other))
    return float(value != other)


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def find_edges(best: dict[str, Any], tried: Iterable[dict[str, Any]]) -> dict[str, Literal["lowest", "highest"]]:
    """Find the fields in which the best trial has an outermost value of several, so that one beyond may be better."""
    tried, found = list(tried), {}
    for field, value in best.items():
        values = {settings[field] for settings in tried if not isinstance(settings[field], list | dict)}
        if len(values) >= FEWEST and all(isinstance(each, int | float) for each in values):
            found |= {field: "lowest"} if value == min(values) else {field: "highest"} if value == max(values) else {}
    return found


def find_floor(measured: Sequence[Measured], trials: int) -> float:
    """Return by how much the best of so many equally good settings would look better than they are, by chance alone.

    It is the expected maximum of independent normal errors, whose variance is half of that of a paired difference.
    """
    variances = [estimate_error(*pair) ** 2 / 2 for pair in itertools.combinations(measured, 2)]
    return expect_maximum(trials) * math.sqrt(statistics.fmean(variances)) if variances else 0.0


def expect_maximum(count: int) -> float:
    """Return the expected maximum of `count` standard normal draws."""
    density = stats.norm.pdf
    value, _ = integrate.quad(lambda x: count * x * density(x) * stats.norm.cdf(x) ** (count - 1), -10, 10)
    return float(value)
