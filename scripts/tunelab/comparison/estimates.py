"""Compare the runs of a study: estimates, contrasts, and what stands behind them, as `results.json` holds them.

Every number is computed from the per-item files, never from another summary.
"""

from collections.abc import Iterator

from tunelab.comparison import contrasts, crossed, implicit, kinds, known, noise, overlaps, sameness
from tunelab.comparison.coverage import summarise_coverage
from tunelab.comparison.gain_rows import Gain
from tunelab.comparison.gains import Answers, split_gain
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import find_metric, list_metrics
from tunelab.comparison.power import CONFIDENCE
from tunelab.comparison.recovered import estimate_recovered
from tunelab.comparison.results import Estimate, Parts, Recovered, Results
from tunelab.comparison.starved import list_starved
from tunelab.jobs.layout import StudyFolder

FLAGS = ("strict_format", "strict", "flexible")  # of an answer, in the order of `Answers`


def build_results(
    study: StudyFolder,
    trainings: dict[tuple[str, int], dict],
    published: list[dict],
    shared: list[dict],
    simulated: dict,
) -> Results:
    """Build all that is estimated.

    trainings: each training.json. published: the known numbers. shared: what tests share with trainings
    (`data.contamination.measure_overlaps`). simulated: how often intervals held the truth
    (`upkeep.interval_simulation`).
    """
    items = Items(study)
    estimates = list(list_estimates(items))
    repeats, alike = list(noise.list_repeats(items)), list(sameness.list_sameness(study))
    floors, degenerate = noise.find_floors(repeats), sameness.find_degenerate(alike)
    return Results(
        smoke=study.spec["study"]["smoke"],
        confidence=CONFIDENCE,
        paired=items.paired,
        estimates=estimates,
        contrasts=list(contrasts.list_contrasts(items, trainings, floors, degenerate)),
        starved=list(list_starved(study, trainings)),
        sameness=alike,
        parts=list(list_parts(items)),
        gains=list(list_gains(items)),
        kinds=list(kinds.list_kinds(items)),
        recovered=list(list_recovered(items)),
        implicit=list(implicit.list_implicit(items)),
        repeats=repeats,
        known=list(known.list_known(study, estimates, published)),
        overlaps=list(overlaps.list_overlaps(shared)),
        twins=list(overlaps.list_twins(shared)),
        left=list(overlaps.list_left(items, shared)),
        cleaned=list(overlaps.list_cleaned(items, shared)),
        cleaned_contrasts=list(overlaps.list_cleaned_contrasts(items, shared)),
        coverage=summarise_coverage(simulated, len(study.spec["study"]["seeds"])),
    )


def list_estimates(items: Items) -> Iterator[Estimate]:
    """Estimate every metric of every run, for each seed and, where there are several, over all of them."""
    for task, kind in items.tasks.items():
        for metric in list_metrics(items.study, task, kind, task in items.paired):
            for run in items.study.runs:
                measured, sources = items.measure(run, task, metric)
                seeds, share = items.study.list_seeds(run), find_metric(metric).is_share
                named = {"run": run, "task": task, "metric": metric}
                for i, seed in enumerate(seeds):
                    own = crossed.estimate_metric(crossed.pick_seed(measured, i), share)
                    yield Estimate(**named, seed=seed, seeds=1, sources=[sources[i]], **own._asdict())
                if len(seeds) > 1:
                    over = crossed.estimate_metric(measured, share)
                    yield Estimate(**named, seed=None, seeds=len(seeds), sources=sources, **over._asdict())


def list_parts(items: Items) -> Iterator[Parts]:
    """Split the spread of every contrasted metric, for every run with several seeds."""
    for task in items.tasks:
        for metric in items.list_contrasted(task):
            for run in items.study.runs:
                measured, sources = items.measure(run, task, metric)
                seeds, n = measured.numerators.shape
                if seeds > 1 and n > 1:
                    parts = crossed.estimate_parts(measured.numerators / measured.denominators)
                    named = {"run": run, "task": task, "metric": metric, "seeds": seeds, "n": n, "sources": sources}
                    yield Parts(**named, **parts._asdict())


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


def list_recovered(items: Items) -> Iterator[Recovered]:
    """Estimate the recovered share of every student whose teacher and start are runs of the study."""
    study = items.study
    for run in (name for name in study.runs if study.run(name).get("teacher")):
        teacher, start = (study.find_shown(run, role) for role in ("teacher", "init_from"))
        for task in study.list_taught(run) if teacher and start else ():
            metric = items.list_contrasted(task)[0]
            measured, sources = items.measure_together([(name, metric) for name in (run, teacher, start)], task)
            share = estimate_recovered(*measured)
            named = {"run": run, "teacher": teacher, "start": start, "task": task, "metric": metric}
            yield Recovered(**named, share=share and share._asdict(), sources=sources)
