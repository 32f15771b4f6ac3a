"""Explain the gain of one run over another: layout or skill, its kind, and the share of a teacher's gain.

Layout or skill: a strictly right answer has the layout and is right in it, so strict accuracy = layout share × accuracy
given the layout. The difference of two such products splits exactly into a change of each factor, times the mean of the
other: the split by `layout`. Where a run has too few answers in the layout, its accuracy given the layout is unknown.
Then the `lenient` reading, which takes the last number and needs no layout, measures skill: its change is the skill
part, and what strict reading loses of it, on one side more than on the other, is the layout part.

Kind: training on rewards can raise the mean of the drawn answers without teaching anything, if what was likely becomes
likelier. So a run must also beat the greedy and the majority answers of the other run, which need no training.

Share of the teacher's gain: (student - start) / (teacher - start) on the same items. The interval is Fieller's: the
shares r for which student - start - r (teacher - start) cannot be told from 0. If the teacher's own gain cannot be told
from 0, there is no share.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import brentq

from tunelab.comparison.bootstrap import (
    TAIL,
    Measured,
    cross_seeds,
    estimate_difference,
    estimate_share,
    evaluate_seeds,
    resample_runs,
)
from tunelab.comparison.contrasts import Pair, correct_pairs
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import find_metric
from tunelab.comparison.result_rows import Gain, GainKind, Kind, Number, Tested
from tunelab.comparison.results import Recovered
from tunelab.comparison.statistics import Estimate
from tunelab.comparison.verdicts import compare_runs, decide_verdict
from tunelab.config.metrics import name_sampled

# Enough answers in the layout, of each seed. Of 5, a resample of the rows has none in 7 of 1,000 cases, so that an
# accuracy given the layout has an interval; and what holds in less than a twentieth of the answers tells of few.
FEWEST, SMALLEST = 5, 0.05
FLAGS = ("strict_format", "strict", "flexible")  # of an answer, in the order of `Answers`
FURTHEST = 1e6  # how far the ends of a share's interval are looked for


class Answers(NamedTuple):
    """One run's answers as booleans, seeds by items: in the layout, strictly right, right by their last number."""

    layout: np.ndarray
    strict: np.ndarray
    flexible: np.ndarray


class GainParts(NamedTuple):
    """First minus second share of strictly right answers, how it was split, and the two parts that add up to it."""

    split: Literal["layout", "lenient"] | None
    total: Estimate
    layout: Estimate | None
    skill: Estimate | None


def list_gains(items: Items) -> Iterator[Gain]:
    """Split each declared difference of strict accuracy into its layout and its skill part."""
    for task in (task for task, kind in items.tasks.items() if kind == "maths"):
        for pair in items.study.list_contrasts(task):
            found = {flag: items.measure_together([(run, flag) for run in pair], task) for flag in FLAGS}
            answers = [
                Answers(*(found[flag][0][side].numerators.astype(bool) for flag in FLAGS)) for side in range(len(pair))
            ]
            gain = split_gain(*answers)
            parts = {name: part and part._asdict() for name, part in gain._asdict().items() if name != "split"}
            named = {"run": pair[0], "against": pair[1], "task": task, "sources": found["strict"][1]}
            yield Gain(**named, split=gain.split, **parts)


def list_kinds(items: Items) -> Iterator[GainKind]:
    """Classify each declared difference on every task to which several answers were drawn."""
    for task in items.study.tasks:
        if not (sampling := items.study.task(task).get("sampling")):
            continue
        samples, k = sampling["samples"], max(sampling["k"])
        mean, passed, majority = (name_sampled(*named) for named in (("mean", samples), ("pass", k), ("maj", k)))
        pairs = items.study.list_contrasts(task)
        steps = {  # a metric of the run, minus one of the other
            "form": ("strict_format", "strict_format"),
            "reliability": (mean, mean),
            "beyond_greedy": (mean, "strict"),
            "beyond_majority": (mean, majority),
            "coverage": (passed, passed),
        }
        tested = {step: _test_step(items, task, pairs, metrics) for step, metrics in steps.items()}
        for pair in pairs:
            drawn, sources = items.measure_together([(run, mean) for run in pair], task)
            solved, other_solved = (measured.numerators > 0 for measured in drawn)
            found = {step: rows[pair] for step, rows in tested.items()}
            yield GainKind(
                run=pair[0],
                against=pair[1],
                task=task,
                samples=samples,
                k=k,
                **found,
                newly_solved=Number(**estimate_share(solved & ~other_solved)._asdict()),
                no_longer_solved=Number(**estimate_share(other_solved & ~solved)._asdict()),
                kind=find_kind(found),
                sources=[*items.measure_together([(run, "strict") for run in pair], task)[1], *sources],
            )


def list_recovered(items: Items) -> Iterator[Recovered]:
    """Estimate the share of its teacher's gain for every student whose teacher and start are runs of the study."""
    study = items.study
    for run in (name for name in study.runs if study.run(name).get("teacher")):
        teacher, start = (study.find_shown(run, role) for role in ("teacher", "init_from"))
        for task in study.list_taught(run) if teacher and start else ():
            metric = items.list_contrasted(task)[0]
            measured, sources = items.measure_together([(name, metric) for name in (run, teacher, start)], task)
            share = estimate_recovered(*measured)
            named = {"run": run, "teacher": teacher, "start": start, "task": task, "metric": metric}
            yield Recovered(**named, share=share and share._asdict(), sources=sources)


def split_gain(first: Answers, second: Answers) -> GainParts:
    """Split first minus second strict accuracy; a side of one row (an untouched model) pairs with every seed.

    All seeds are split in the same way, as a mean of two ways would be neither: by the layout if each has enough
    answers in it. The lenient reading must be lenient: where an answer is strictly right though its last number is
    wrong, that reading does not measure skill, and there is no split.

    Raises:
        ValueError: for an answer that is strictly right without the layout.
    """
    if any((side.strict & ~side.layout).any() for side in (first, second)):
        raise ValueError("an answer is strictly right without the layout")
    total = estimate_difference(_measure(first.strict), _measure(second.strict))
    if has_enough(first.layout) and has_enough(second.layout):
        return GainParts("layout", total, *_split_by_layout(first, second))
    if any((side.strict & ~side.flexible).any() for side in (first, second)):
        return GainParts(None, total, None, None)
    lost = [_measure(side.strict.astype(float) - side.flexible, (-1.0, 0.0)) for side in (first, second)]
    skill = estimate_difference(_measure(first.flexible), _measure(second.flexible))
    return GainParts("lenient", total, estimate_difference(*lost), skill)


def has_enough(layout: np.ndarray) -> bool:
    """Tell whether each seed has enough answers in the layout to estimate how often these are right."""
    counts = layout.sum(axis=1)
    return bool((counts >= max(FEWEST, SMALLEST * layout.shape[1])).all())


def find_kind(tested: dict[str, Tested]) -> Kind:
    """Find the kind of a gain from the verdicts on its steps.

    More answers in the layout cannot add more right answers than there are new answers in the layout. So what lies
    beyond greedy and majority answers is more than form if its interval lies above that of the layout share.
    """
    reliability = tested["reliability"].verdict
    if reliability != "better":
        return {"equivalent": "same", "worse": "less", "undecided": "undecided"}[reliability]
    beyond = [tested["beyond_greedy"], tested["beyond_majority"]]
    if all(step.verdict == "better" for step in beyond):
        return "beyond" if min(step.low for step in beyond) > max(tested["form"].high, 0.0) else "form"
    if any(step.verdict in ("equivalent", "worse") for step in beyond) and tested["coverage"].verdict != "better":
        return "sharper"
    return "open"


def estimate_recovered(student: Measured, teacher: Measured, start: Measured) -> Estimate | None:
    """Return the share over seeds and items; None if the interval of the teacher's gain over the start contains 0.

    Each argument is seeds by items; one row (an untouched model) stands for every seed.
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
    (seeds,), n = values[0].shape, first.layout.shape[1]
    parts = []
    for value, draws in zip(values, resampled, strict=True):
        low, high = np.quantile(cross_seeds(value, draws[defined], n).draws.clip(-1, 1), [TAIL, 1 - TAIL])
        name = "crossed" if seeds > 1 else "paired-bootstrap"
        parts.append(Estimate(float(value.mean()), float(low), float(high), n, name))
    return parts


def _weigh(
    first_layout: np.ndarray, first_strict: np.ndarray, second_layout: np.ndarray, second_strict: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the layout part and the skill part of the difference, of shares in arrays that broadcast."""
    first, second = first_strict / first_layout, second_strict / second_layout
    return (first_layout - second_layout) * (first + second) / 2, (first_layout + second_layout) / 2 * (first - second)


def _test_step(items: Items, task: str, pairs: list[Pair], metrics: tuple[str, str]) -> dict[Pair, Tested]:
    """Test the run's metric minus the other's, pair by pair on the rows that both were measured on."""
    is_share = all(find_metric(metric).is_share for metric in metrics)
    margin = items.study.spec["comparison"]["margins"]["strict"]
    compared = {}
    for pair in pairs:
        sides, _ = items.measure_together(list(zip(pair, metrics, strict=True)), task)
        compared[pair] = compare_runs(*sides, margin, is_share, is_drawn=not is_share)
    tested = {}
    for pair, (p, p_equivalence) in correct_pairs(compared, items.study).items():
        row = compared[pair]
        number = {name: getattr(row, name) for name in Number.model_fields}
        tested[pair] = Tested(**number, p_corrected=p, verdict=decide_verdict(row.value, p, p_equivalence, "higher"))
    return tested


def _find_root(end: Callable[[float], float], share: float, side: float) -> float | None:
    """Return the share, on this side of the estimate, at which one end of the interval is 0; None if it is far off."""
    at, step = end(share), 0.1
    while step < FURTHEST:
        if end(share + side * step) * at <= 0:
            return float(brentq(end, *sorted((share, share + side * step)), xtol=1e-4))
        step *= 2
    return None
