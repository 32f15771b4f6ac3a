"""Tell what each run consumed: by itself, and with all that it began from, as if no other run shared that.

A run begins from its start, from answers that were drawn for it, and from its teacher, each with what it began from.
Whatever two of these have in common counts once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import Any, NamedTuple

from tunelab.comparison.budgets import find_summary
from tunelab.comparison.results import Consumed, Spent
from tunelab.config.budget import read_amounts
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder

VALIDATION = "validation"  # whose time is not in a training's seconds
Trainings = dict[tuple[str, int], dict]


class Origin(NamedTuple):
    """A training (`samples` None), or answers that were drawn for one of its learners."""

    run: str
    samples: str | None = None


def list_consumed(study: StudyFolder, trainings: Trainings) -> Iterator[Consumed]:
    """Yield what each training consumed, and for a run with several seeds the mean over them."""
    for run in study.list_trained():
        found = [_build_row(study, trainings, run, seed) for seed in study.list_seeds(run)]
        yield from found
        if len(found) > 1:
            yield _average(found)


def list_origins(study: Study, run: str, whole: bool = True) -> list[Origin] | None:
    """List a run and all that it began from; None if a run among them is not in the study.

    Args:
        whole: False: starts and drawn answers alone, without teachers and runs that drew the answers.
    """
    found, waiting = [], [run]
    while waiting:
        name = waiting.pop()
        if name not in study.runs:
            return None
        spec = study.run(name)
        if spec["method"] == "base" or Origin(name) in found:
            continue
        found.append(Origin(name))
        waiting += [] if spec.get("init_from") is None else [spec["init_from"]]
        if spec.get("samples"):
            found.append(Origin(name, spec["samples"]))
        if whole:
            drew = spec.get("samples") and study.spec["samples"][spec["samples"]]["run"]
            teacher = None if spec.get("teacher") in study.spec["untouched"] else spec.get("teacher")
            waiting += [name for name in (drew, teacher) if name]
    return found


def sum_seconds(study: StudyFolder, trainings: Trainings, run: str, seed: int) -> float | None:
    """Add up the training time of a run and of those it started from, and of drawing the answers that they learnt."""
    origins = list_origins(study, run, whole=False)
    if origins is None:
        return None
    return sum(_read_seconds(study, trainings, origin, seed) for origin in origins)


def _read_seconds(study: StudyFolder, trainings: Trainings, origin: Origin, seed: int) -> float:
    if origin.samples:
        return study.load(find_summary(study, origin.run, seed))["seconds"]
    return trainings[origin.run, seed]["train_seconds"]


def _measure(study: StudyFolder, trainings: Trainings, origin: Origin, seed: int) -> Spent:
    costs = study.load(find_summary(study, origin.run, seed)) if origin.samples else trainings[origin.run, seed]
    return Spent(**read_amounts(costs))


def _add(spent: Iterable[Spent]) -> Spent:
    amounts: Counter[str] = Counter()
    for each in spent:
        amounts.update(each.model_dump())
    return Spent(**amounts)


def _build_row(study: StudyFolder, trainings: Trainings, run: str, seed: int) -> Consumed:
    origins, training = list_origins(study, run), trainings[run, seed]
    # answers that learners share are drawn once, and count once
    distinct = list({origin.samples or origin.run: origin for origin in origins or []}.values())
    return Consumed(
        run=run,
        seed=seed,
        seeds=1,
        parts=training["flops"],
        own=_measure(study, trainings, Origin(run), seed),
        alone=None if origins is None else _add(_measure(study, trainings, origin, seed) for origin in distinct),
        budget_share=training["budget"]["share"] if study.spec["study"].get("budget") else None,
        utilisation=_find_utilisation(study, run, training),
        sources=[study.name(study.run_file(run, seed, "training.json"))],
    )


def _find_utilisation(study: StudyFolder, run: str, training: dict[str, Any]) -> float | None:
    """Return which share of the measured rate of matrix products a training reached, if that was measured."""
    measured = study.load(study.model_file(study.run(run)["model"], "precision_figures.json"))
    seconds = (measured["seconds"] or {}).get(training["dtype"])
    if seconds is None or training["processes"] > 1 or measured["threads"] != training["threads"]:
        return None
    rows, inner, columns = measured["shape"]
    operations = sum(count for part, count in training["flops"].items() if part != VALIDATION)
    return operations / training["train_seconds"] / (2 * rows * inner * columns / seconds)


def average_spent(spent: list[Spent]) -> Spent:
    """Return the mean of each amount."""
    return Spent(**{axis: fmean(getattr(each, axis) for each in spent) for axis in Spent.model_fields})


def _average(rows: list[Consumed]) -> Consumed:
    utilised = [row.utilisation for row in rows if row.utilisation is not None]
    return rows[0].model_copy(
        update={
            "seed": None,
            "seeds": len(rows),
            "parts": {part: fmean(row.parts.get(part, 0) for row in rows) for part in rows[0].parts},
            "own": average_spent([row.own for row in rows]),
            "alone": None if rows[0].alone is None else average_spent([row.alone for row in rows]),
            "budget_share": fmean(row.budget_share for row in rows) if rows[0].budget_share is not None else None,
            "utilisation": fmean(utilised) if len(utilised) == len(rows) else None,
            "sources": [source for row in rows for source in row.sources],
        }
    )
