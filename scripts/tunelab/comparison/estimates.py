"""Compare the runs of a study: estimates, contrasts, and what stands behind them, as `results.json` holds them.

Every number is computed from the per-item files, never from another summary.
"""

from collections.abc import Iterator
from itertools import filterfalse

from tunelab.comparison import contrasts, crossed, implicit, overlaps, sameness
from tunelab.comparison.budgets import list_starved
from tunelab.comparison.gains import Answers, split_gain
from tunelab.comparison.items import Items
from tunelab.comparison.metrics import find_metric, is_sampled, list_metrics
from tunelab.comparison.power import CONFIDENCE
from tunelab.comparison.recovered import estimate_recovered
from tunelab.comparison.results import Coverage, Estimate, Known, Parts, Recovered, Repeat, Results
from tunelab.comparison.rows import Gain
from tunelab.config.study import REPEATS, Study
from tunelab.jobs.layout import StudyFolder

# Compare untouched models with published numbers: a measurement far off the known band is wrong before any training.
# The numbers stand in `reports/known_results.yaml`, each with its source.


def list_known(study: Study, estimates: list[Estimate], published: list[dict]) -> Iterator[Known]:
    """Match every published number with the untouched run and task that it is about, where its metric was measured."""
    found = {(row.run, row.task, row.metric): row for row in estimates if row.seed is not None}
    for run in study.list_runs("base"):
        model = study.spec["models"][study.run(run)["model"]]
        for task in study.tasks:
            dataset = study.spec["datasets"][study.task(task)["dataset"]]
            for number in published:
                row = found.get((run, task, number["metric"]))  # a task may be judged by other metrics
                if row and is_about(number["model"], model) and is_benchmark(number["benchmark"], dataset):
                    yield Known(
                        run=run,
                        task=task,
                        metric=number["metric"],
                        value=row.value,
                        low=row.low,
                        high=row.high,
                        published_low=number["low"],
                        published_high=number["high"],
                        setting=number["setting"],
                        source=number["source"],
                        inside=row.low <= number["high"] and row.high >= number["low"],
                    )


def is_about(names: list[str], model: dict) -> bool:
    """Tell whether a model's source has one of the names: a repository of the Hub, or a file of a package."""
    return bool({model.get("repo_id"), str(model.get("gguf")).rpartition("/")[2]} & set(names))


def is_benchmark(benchmark: str, dataset: dict) -> bool:
    """Tell whether a data set is the benchmark: GSM8K's real questions, wherever their files come from."""
    return dataset["prepare"]["format"] == benchmark and dataset["fetch"]["source"] != "generated"


# How much a metric moves when the same model is evaluated again, and in batches of another size.


def list_repeats(items: Items) -> Iterator[Repeat]:
    """Compare each repeated evaluation with the run's own; nothing when the config asks for none.

    Answers are drawn once, so their metrics are not repeated.
    """
    study = items.study
    if not study.spec["noise"]:
        return
    run = study.spec["noise"]["run"]
    seed = study.list_seeds(run)[0]
    for task in study.tasks:
        for metric in filterfalse(is_sampled, items.list_contrasted(task)):
            measured, sources = items.measure(run, task, metric)
            for repeat in REPEATS:
                path = study.noise_file(repeat, task, find_metric(metric).file)
                repeated, above, below = items.read_repeat(run, task, path, metric)
                own_above, own_below = (part[0][repeated] for part in (measured.numerators, measured.denominators))
                own, again = own_above / own_below, above / below
                yield Repeat(
                    run=run,
                    seed=seed,
                    task=task,
                    metric=metric,
                    repeat=repeat,
                    value=own_above.sum() / own_below.sum(),
                    repeated=above.sum() / below.sum(),
                    flips=float((own != again).mean()),
                    n=len(own),
                    sources=[sources[0], study.name(path)],
                )


def find_floors(repeats: list[Repeat]) -> dict[tuple[str, str], float]:
    """Return the largest change of each (task, metric)."""
    floors: dict[tuple[str, str], float] = {}
    for row in repeats:
        change = abs(row.repeated - row.value)
        floors[row.task, row.metric] = max(change, floors.get((row.task, row.metric), 0.0))
    return floors


# What simulations say of the study's own intervals over seeds and items.


def summarise_coverage(simulated: dict, seeds: int) -> Coverage | None:
    """Summarise simulations (`upkeep.interval_simulation`) with so many seeds, or the next fewer; None for one."""
    known = [cell["seeds"] for cell in simulated["grid"] if cell["seeds"] <= seeds]
    if not known:
        return None
    covered = [cell["covered"] for cell in simulated["grid"] if cell["seeds"] == max(known)]
    return Coverage(
        seeds=max(known),
        least=min(covered),
        mean=sum(covered) / len(covered),
        most=max(covered),
        cases=len(covered),
        studies=simulated["studies"],
    )


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
    repeats, alike = list(list_repeats(items)), list(sameness.list_sameness(study))
    floors, degenerate = find_floors(repeats), sameness.find_degenerate(alike)
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
        kinds=list(contrasts.list_kinds(items)),
        recovered=list(list_recovered(items)),
        implicit=list(implicit.list_implicit(items)),
        repeats=repeats,
        known=list(list_known(study, estimates, published)),
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
