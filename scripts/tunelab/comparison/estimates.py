"""Estimate all that `results.json` holds, each number from the per-item files and never from another summary."""

from collections.abc import Iterator
from itertools import cycle, filterfalse
from pathlib import Path

import numpy as np
import yaml

from tunelab.comparison import contrasts, gains, looks, overlaps, repetition, trajectories
from tunelab.comparison.bootstrap import Measured, estimate_metric, estimate_parts, pick_seed
from tunelab.comparison.budgets import list_starved
from tunelab.comparison.choice_rows import Choice
from tunelab.comparison.consumed import list_consumed
from tunelab.comparison.deciding import list_needed
from tunelab.comparison.items import Items, rank
from tunelab.comparison.metrics import find_metric, list_metrics
from tunelab.comparison.power import CONFIDENCE
from tunelab.comparison.result_rows import Number
from tunelab.comparison.results import Coverage, Estimate, Implicit, Known, Parts, Repeat, Results, Tuned
from tunelab.config.chosen_settings import VALIDATION
from tunelab.config.metrics import GAP, SHARE, is_sampled
from tunelab.config.study import REPEATS, Study
from tunelab.jobs.layout import StudyFolder
from tunelab.jobs.looks import Ledger


def build_results(
    study: StudyFolder,
    trainings: dict[tuple[str, int], dict],
    published: list[dict],
    shared: list[dict],
    simulated: dict,
    simulated_looks: dict,
    ledger: Ledger,
) -> Results:
    """Build all that is estimated.

    Args:
        trainings: each training.json by run and seed.
        published: published results (`reports/known_results.yaml`).
        shared: what test rows share with training rows (`data.contamination.measure_overlaps`).
        simulated: how often intervals contained the truth in simulations; simulated_looks: what looks found in others.
        ledger: the looks that were taken before.
    """
    items = Items(study)
    estimates, course = list(list_estimates(items)), contrasts.take_looks(items)
    repeats, alike = list(list_repeats(items)), list(repetition.list_sameness(study))
    floors, degenerate = find_floors(repeats), repetition.find_degenerate(alike)
    tuned = list(list_tuned(study, estimates))
    consumed = list(list_consumed(study, trainings))
    followed = list(trajectories.list_followed(study, trainings, consumed))
    at_edge = [row.choice.run for row in tuned if row.choice.edges]
    tested = list(contrasts.list_contrasts(items, trainings, floors, degenerate, at_edge, course))
    return Results(
        smoke=study.spec["study"]["smoke"],
        confidence=CONFIDENCE,
        paired=items.paired,
        estimates=estimates,
        contrasts=tested,
        starved=list(list_starved(study, trainings)),
        tuned=tuned,
        consumed=consumed,
        followed=followed,
        reached=list(trajectories.list_reached(study, followed)),
        sameness=alike,
        parts=list(list_parts(items)),
        gains=list(gains.list_gains(items)),
        kinds=list(gains.list_kinds(items)),
        recovered=list(gains.list_recovered(items)),
        implicit=list(list_implicit(items)),
        repeats=repeats,
        known=list(list_known(study, estimates, published)),
        overlaps=list(overlaps.list_overlaps(shared)),
        twins=list(overlaps.list_twins(shared)),
        left=list(overlaps.list_left(items, shared)),
        cleaned=list(overlaps.list_cleaned(items, shared)),
        cleaned_contrasts=list(overlaps.list_cleaned_contrasts(items, shared)),
        looks=looks.describe_looks(study, course, ledger),
        seen=looks.list_seen(study, ledger),
        needed=list(list_needed(items, tested)),
        simulated_looks=looks.summarise_simulation(simulated_looks) if course else [],
        coverage=summarise_coverage(simulated, min(study.seed_counts)),
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
                    own = estimate_metric(pick_seed(measured, i), share)
                    yield Estimate(**named, seed=seed, seeds=1, sources=[sources[i]], **own._asdict())
                if len(seeds) > 1:
                    over = estimate_metric(measured, share)
                    yield Estimate(**named, seed=None, seeds=len(seeds), sources=sources, **over._asdict())


def list_tuned(study: StudyFolder, estimates: list[Estimate]) -> Iterator[Tuned]:
    """Tell how each tuned run's settings were chosen, and how it did on test rows."""
    for run in study.list_tuned():
        file = study.tuning_file(run, "choice.json")
        choice = Choice(**study.load(file))
        seed = study.list_seeds(run)[0] if len(study.list_seeds(run)) == 1 else None
        key = (run, seed, choice.task.removesuffix(VALIDATION.format("")), choice.metric)
        row = next((row for row in estimates if (row.run, row.seed, row.task, row.metric) == key), None)
        test = row and Number(**row.model_dump(include=set(Number.model_fields)))
        yield Tuned(choice=choice, test=test, sources=[study.name(file), *(row.sources if row else [])])


def list_parts(items: Items) -> Iterator[Parts]:
    """Split the spread of every contrasted metric, for every run with several seeds."""
    for task in items.tasks:
        for metric in items.list_contrasted(task):
            for run in items.study.runs:
                measured, sources = items.measure(run, task, metric)
                seeds, n = measured.numerators.shape
                if seeds > 1 and n > 1:
                    parts = estimate_parts(measured.numerators / measured.denominators)
                    named = {"run": run, "task": task, "metric": metric, "seeds": seeds, "n": n, "sources": sources}
                    yield Parts(**named, **parts._asdict())


def list_implicit(items: Items) -> Iterator[Implicit]:
    """Estimate how often the implicit reward of a run prefers the chosen answer of held-out pairs, as DPO trains it to.

    The implicit reward is an answer's log-probability under the run, minus that under what the run started from. TRL
    logs its accuracy on training pairs (`rewards/accuracies`); these pairs no run has seen.
    """
    study = items.study
    for task in items.paired:
        for run in study.list_trained():
            start, seeds = study.find_shown(run, "init_from"), study.list_seeds(run)
            named = {"run": run, "task": task, "start": start}
            over = [None] if len(seeds) > 1 else []
            if start is None:
                yield from (Implicit(**named, seed=seed, accuracy=None, sources=[]) for seed in [*seeds, *over])
                continue
            measured, files = _rank_pairs(items, run, start, task)
            of_seeds = zip(files[: len(seeds)], cycle(files[len(seeds) :]), strict=False)  # an untouched start has one
            for place, (seed, sources) in enumerate(zip(seeds, of_seeds, strict=True)):
                accuracy = estimate_metric(pick_seed(measured, place), share=True)._asdict()
                yield Implicit(**named, seed=seed, accuracy=accuracy, sources=sources)
            for seed in over:
                accuracy = estimate_metric(measured, share=True)._asdict()
                yield Implicit(**named, seed=seed, accuracy=accuracy, sources=files)


def _rank_pairs(items: Items, run: str, start: str, task: str) -> tuple[Measured, list[str]]:
    """Return which pairs the implicit reward ranks correctly, seeds by items, and the files of run and start."""
    (own, before), files = items.measure_together([(run, GAP), (start, GAP)], task)
    ranks = rank(own.numerators - before.numerators)
    return Measured(ranks, np.ones(ranks.shape), SHARE), files


def list_repeats(items: Items) -> Iterator[Repeat]:
    """Compare each repeated evaluation, by itself or in batches of another size, with the run's own.

    Answers are drawn once, so their metrics are not repeated. Nothing if the config has no `noise`.
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


def load_known(path: Path) -> list[dict]:
    """Load published results (`reports/known_results.yaml`)."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def find_floors(repeats: list[Repeat]) -> dict[tuple[str, str], float]:
    """Return the largest change of each (task, metric)."""
    floors: dict[tuple[str, str], float] = {}
    for row in repeats:
        change = abs(row.repeated - row.value)
        floors[row.task, row.metric] = max(change, floors.get((row.task, row.metric), 0.0))
    return floors


def list_known(study: Study, estimates: list[Estimate], published: list[dict]) -> Iterator[Known]:
    """Match every published number with the untouched run and task that it is about, where its metric was measured.

    A measurement that is far off the published band was wrong before any training.
    """
    found = {(row.run, row.task, row.metric): row for row in estimates if row.seed is not None}
    for run in study.list_runs("base"):
        model = study.spec["models"][study.run(run)["model"]]
        for task in study.tasks:
            dataset = study.spec["datasets"][study.task(task)["dataset"]]
            for number in published:
                row = found.get((run, task, number["metric"]))  # a task may have other metrics
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
