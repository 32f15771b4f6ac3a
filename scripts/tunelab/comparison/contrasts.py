"""Test the differences between runs, pair by pair on the same items.

The pairs that the config declares form one family per task and metric, whose p-values are corrected together (Holm);
the verdicts on the page are theirs. All other pairs are exploratory, and are corrected together with the declared ones.
The number of pairs grows with the square of the runs, so with many runs each one is compared only with its untouched
model and its start.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations

from tunelab.comparison.budgets import find_equal_budget, list_starved, list_unequal
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import find_margin, find_metric
from tunelab.comparison.results import Contrast
from tunelab.comparison.verdicts import Contrast as Compared
from tunelab.comparison.verdicts import compare_runs, correct_family, decide_verdict
from tunelab.config.metrics import is_sampled
from tunelab.config.study import Study
from tunelab.errors import UserError

Pair = tuple[str, str]
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


def list_contrasts(
    items: Items,
    trainings: dict,
    floors: dict[tuple[str, str], float],
    degenerate: Mapping[str, set[str]],
    at_edge: Collection[str],
) -> Iterator[Contrast]:
    """Test every pair on every contrasted metric.

    Args:
        floors: the noise of evaluation by (task, metric).
        degenerate: the runs of each task whose answers are alike or repeat themselves.
        at_edge: the runs whose best trial lies at the edge of what was tried.
    """
    study = items.study
    starved = {row.run for row in list_starved(study, trainings)}
    for task in items.tasks:
        declared, others = study.list_contrasts(task), list_others(study, task)
        for place, metric in enumerate(items.list_contrasted(task)):
            found = {pair: _compare(items, pair, task, metric) for pair in declared + others}
            corrected = correct_pairs({pair: found[pair][0] for pair in others + declared})
            corrected |= correct_pairs({pair: found[pair][0] for pair in declared})
            for pair, (contrast, sources) in found.items():
                p, p_equivalence = corrected[pair]
                yield Contrast(
                    run=pair[0],
                    against=pair[1],
                    task=task,
                    metric=metric,
                    declared=pair in declared,
                    primary=place == 0,
                    margin=find_margin(study.spec["comparison"]["margins"], metric),
                    p_corrected=p,
                    noise=floors.get((task, metric)),
                    unequal=list_unequal(study, trainings, *pair),
                    equal_budget=find_equal_budget(study, trainings, *pair),
                    starved=[run for run in pair if run in starved],
                    at_edge=[run for run in pair if run in at_edge],
                    degenerate=[run for run in pair if run in degenerate.get(task, ())],
                    verdict=decide_verdict(
                        contrast.value, p, p_equivalence, find_metric(metric, study.own_metrics).better
                    ),
                    sources=sources,
                    **contrast._asdict() | {"p_equivalence": p_equivalence},
                )


def _compare(items: Items, pair: Pair, task: str, metric: str) -> tuple[Compared, list[str]]:
    """Compare two runs on the rows that both have; return the result and the files it is made from."""
    (first, second), sources = items.measure_together([(run, metric) for run in pair], task)
    if first.numerators.shape[1] < 2:
        raise UserError(f"{task} has one row, and one row compares no runs; raise `prepare.test` of its data set.")
    margin = find_margin(items.study.spec["comparison"]["margins"], metric)
    return compare_runs(first, second, margin, find_metric(metric).is_share, is_sampled(metric)), sources


def correct_pairs(family: dict) -> dict[Pair, tuple[float, float]]:
    """Correct the p-values of difference and those of equivalence, each kind for itself."""
    if not family:
        return {}
    corrected = [
        correct_family([getattr(contrast, name) for contrast in family.values()]) for name in ("p", "p_equivalence")
    ]
    return dict(zip(family, zip(*corrected, strict=True), strict=True))
