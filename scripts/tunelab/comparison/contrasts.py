"""Test the differences between runs, pair by pair on the same items.

The pairs that the config declares form one family per task and metric, whose p-values are corrected together (Holm);
the verdicts on the page are theirs. All other pairs are exploratory, and are corrected together with the declared ones.
The number of pairs grows with the square of the runs, so with many runs each one is compared only with its untouched
model and its start.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations

from tunelab.comparison.budgets import list_starved, list_unequal
from tunelab.comparison.items import Items
from tunelab.comparison.looks import NOT_LOOKED_AT, Course, Outcome, Place, Rules, find_confidence, follow_looks
from tunelab.comparison.metrics import find_margin, find_metric
from tunelab.comparison.power import CONFIDENCE
from tunelab.comparison.results import Contrast
from tunelab.comparison.verdicts import Contrast as Compared
from tunelab.comparison.verdicts import compare_runs, correct_family, decide_verdict
from tunelab.config.metrics import is_sampled
from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.jobs.looks import Pair, list_look_seeds

MOST = 30  # runs whose pairs are all compared: a matrix that can still be read


def compares_all(study: Study) -> bool:
    """Tell whether every run is compared with every other one."""
    return len(study.runs) <= MOST


def list_others(study: Study, task: str) -> list[Pair]:
    """List the pairs to compare that the config does not name for a task, the later run against the earlier one."""
    named = {frozenset(pair) for pair in study.list_contrasts(task)}
    pairs = combinations(study.runs, 2) if compares_all(study) else _list_origins(study)
    return [(later, earlier) for earlier, later in pairs if {earlier, later} not in named]


def _list_origins(study: Study) -> Iterator[Pair]:
    """Yield each trained run with its untouched model and its start, if the study has them, the earlier run first."""
    place = {run: number for number, run in enumerate(study.runs)}
    for run in study.list_trained():
        origins = {study.find_untouched(run), study.find_shown(run, "init_from")} - {None}
        yield from (tuple(sorted((run, origin), key=place.get)) for origin in sorted(origins, key=place.get))


def take_looks(items: Items) -> Course | None:
    """Test the declared pairs look by look, with the first seeds that each look has; None if no looks are declared."""
    study, better, first = items.study, {}, set()
    if not (looks := study.spec["study"].get("looks")):
        return None
    asked: dict[Pair, list[Place]] = {}
    for task in items.tasks:
        for number, metric in enumerate(items.list_contrasted(task)):
            better[task, metric] = find_metric(metric, study.own_metrics).better
            first |= {(task, metric)} if number == 0 and task in study.tasks else set()
            for pair in study.list_contrasts(task):
                asked.setdefault(pair, []).append((task, metric))

    def test(pair: Pair, number: int) -> dict[Place, Compared] | None:
        seeds = list_look_seeds(study, number)
        if set(pair) & set(study.list_trained()) and not set(seeds) <= set(study.list_common_seeds(pair)):
            return None
        confidence = find_confidence(looks["spend"][number - 1])
        return {place: _compare(items, pair, *place, seeds, confidence)[0] for place in asked[pair]}

    return follow_looks(study.list_contrasts(), looks["spend"], test, Rules(better, first))


def list_contrasts(
    items: Items,
    trainings: dict,
    floors: dict[tuple[str, str], float],
    degenerate: Mapping[str, set[str]],
    course: Course | None = None,
) -> Iterator[Contrast]:
    """Test every pair on every contrasted metric.

    Args:
        course: what looks at the declared pairs found.
        floors: the noise of evaluation by (task, metric).
        degenerate: the runs of each task whose answers are alike or repeat themselves.
    """
    study = items.study
    starved = {row.run for row in list_starved(study, trainings)}
    for task in items.tasks:
        declared, others = study.list_contrasts(task), list_others(study, task)
        for place, metric in enumerate(items.list_contrasted(task)):
            decided = {pair: _find_outcome(study, course, pair, (task, metric)) for pair in declared}
            found = {pair: _compare_at(items, pair, task, metric, decided.get(pair)) for pair in declared + others}
            corrected = correct_pairs({pair: found[pair][0] for pair in others + declared})
            corrected |= correct_pairs({pair: found[pair][0] for pair in declared})
            for pair, (contrast, sources) in found.items():
                outcome, better = decided.get(pair), find_metric(metric, study.own_metrics).better
                p, p_equivalence = outcome.corrected if outcome else corrected[pair]
                yield Contrast(
                    run=pair[0],
                    against=pair[1],
                    task=task,
                    metric=metric,
                    declared=pair in declared,
                    primary=place == 0,
                    look=(outcome.number or None) if outcome else None,
                    confidence=_find_confidence(study, outcome),
                    margin=find_margin(study.spec["comparison"]["margins"], metric),
                    p_corrected=p,
                    noise=floors.get((task, metric)),
                    unequal=list_unequal(study, trainings, *pair),
                    starved=[run for run in pair if run in starved],
                    degenerate=[run for run in pair if run in degenerate.get(task, ())],
                    verdict=outcome.verdict if outcome else decide_verdict(contrast.value, p, p_equivalence, better),
                    sources=sources,
                    **contrast._asdict() | {"p_equivalence": p_equivalence},
                )


def _find_outcome(study: Study, course: Course | None, pair: Pair, place: Place) -> Outcome | None:
    """Return how a declared pair stands after the looks; without seeds enough for a look, nothing is decided."""
    if course is None:
        return None
    return course.outcomes.get((pair, place), NOT_LOOKED_AT)


def _find_confidence(study: Study, outcome: Outcome | None) -> float:
    if outcome is None or outcome.found is None:
        return CONFIDENCE
    return find_confidence(study.spec["study"]["looks"]["spend"][outcome.number - 1])


def _compare_at(
    items: Items, pair: Pair, task: str, metric: str, outcome: Outcome | None
) -> tuple[Compared, list[str]]:
    """Return what a pair's last look found, with its p-values over all looks; else compare the runs on all seeds."""
    if outcome is None or outcome.found is None:
        return _compare(items, pair, task, metric)
    seeds = list_look_seeds(items.study, outcome.number)
    _, sources = items.measure_together([(run, metric) for run in pair], task, seeds)
    return outcome.found._replace(p=outcome.p, p_equivalence=outcome.p_equivalence), sources


def _compare(
    items: Items,
    pair: Pair,
    task: str,
    metric: str,
    seeds: Collection[int] | None = None,
    confidence: float = CONFIDENCE,
) -> tuple[Compared, list[str]]:
    """Compare two runs on the rows and seeds that both have; return the result and the files it is made from."""
    (first, second), sources = items.measure_together([(run, metric) for run in pair], task, seeds)
    if first.numerators.shape[1] < 2:
        raise UserError(f"{task} has one row, and one row compares no runs; raise `prepare.test` of its data set.")
    margin = find_margin(items.study.spec["comparison"]["margins"], metric)
    share, drawn = find_metric(metric).is_share, is_sampled(metric)
    return compare_runs(first, second, margin, share, drawn, confidence), sources


def correct_pairs(family: dict[Pair, Compared], study: Study | None = None) -> dict[Pair, tuple[float, float]]:
    """Correct the p-values of difference and those of equivalence, each kind for itself.

    study: for tests beside the looks, so that each p is divided by what the look of its seeds may spend.
    """
    if not family:
        return {}
    shares = [find_share(study, pair) if study else 1.0 for pair in family]
    corrected = [
        correct_family(
            [min(1.0, getattr(row, name) / share) for row, share in zip(family.values(), shares, strict=True)]
        )
        for name in ("p", "p_equivalence")
    ]
    return dict(zip(family, zip(*corrected, strict=True), strict=True))


def find_share(study: Study, pair: Pair) -> float:
    """Return which share of the chance of a false alarm the look of a pair's seeds may spend; without looks all."""
    if not (looks := study.spec["study"].get("looks")):
        return 1.0
    seeds = len(study.list_common_seeds(pair))
    reached = [share for needed, share in zip(looks["seeds"], looks["spend"], strict=True) if needed <= seeds]
    return reached[-1] if reached else looks["spend"][0]
