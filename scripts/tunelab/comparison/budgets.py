"""How much effort went into each training, and where two trainings that are compared differ.

A difference between runs of unequal effort may be one of effort; the page says so in the verdict's own sentence.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab.comparison.results import Learner, Shortage, Starved
from tunelab.config.completions import count_completions, count_of_step
from tunelab.config.methods import REWARDED
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder

# Which runs of reinforcement learning drew too few completions to expect an effect of them.
# Where such a run is not better than another one, that says little of its method: page, paper and plan tell of it.


# Public recipes whose models clearly gained drew some 2,000 completions or more: reverse-text of prime-rl 1,920 to
# 2,560, Countdown of grpo-decomp 4,000, Esme-214M 30,720. A run of this project gained 3.5 points with 320, which is
# undecided, and 14.5 to 28 points with 2,560 (three seeds).
LEAST_COMPLETIONS = 1500
# Completions are compared within a question, mostly 8 of them, and those of a question that all earned the same teach
# nothing: of fewer than four questions a step, chance decides whether any teaches.
LEAST_OF_STEP = 32


def list_starved(study: StudyFolder, trainings: dict[tuple[str, int], dict]) -> Iterator[Starved]:
    """Yield the starved runs, each judged by its first seed; `trainings` holds each training.json."""
    answers = {
        run: count_answers(study, trainings, run) for run in [*study.list_runs(*REWARDED), *study.list_learners()]
    }
    for run in study.list_runs(*REWARDED):
        of_step, learners = count_of_step(study.run(run)), list_learners(study, run, answers)
        if shortages := list_shortages(answers[run], of_step, learners):
            seed = study.list_seeds(run)[0]
            files = [study.run_file(run, seed, "training.json")]
            files += [find_summary(study, learner.run, study.list_seeds(learner.run)[0]) for learner in learners]
            yield Starved(
                **{"run": run, "seed": seed, "completions": answers[run], "of_step": of_step},
                **{"learners": learners, "shortages": shortages, "sources": [study.name(file) for file in files]},
            )


def list_shortages(completions: int, of_step: int, learners: list[Learner]) -> list[Shortage]:
    """List in what a run that drew so many completions falls short; nothing if it drew enough."""
    found = {
        "completions": completions < LEAST_COMPLETIONS,
        "of_step": of_step < LEAST_OF_STEP,
        "learners": bool(learners),
    }
    return [name for name, is_short in found.items() if is_short]


def list_learners(study: Study, run: str, answers: dict[str, int]) -> list[Learner]:
    """List the runs that learn from answers to the same questions which were drawn before, and from more of them.

    answers: how many each run learns from, of the run itself and of those that are known.
    """
    return [
        Learner(run=name, answers=answers[name])
        for name in study.list_learners()
        if name in answers and study.run(name)["dataset"] == study.run(run)["dataset"] and answers[name] > answers[run]
    ]


def count_answers(study: StudyFolder, trainings: dict[tuple[str, int], dict], run: str) -> int | None:
    """Count the answers that were drawn for a run's first seed to learn from; None if it learns from written ones."""
    spec, seed = study.run(run), study.list_seeds(run)[0]
    if spec.get("samples"):
        return study.load(find_summary(study, run, seed))["answers"]
    if spec["method"] not in REWARDED:
        return None
    card = study.load(study.dataset_file(spec["dataset"], "data_card.json"))
    return count_completions(spec, trainings[run, seed]["steps"], card["rows"]["train"])


def find_summary(study: StudyFolder, run: str, seed: int) -> Path:
    """Return the file about the drawn answers that a run learns from; those of an untouched model have one seed."""
    samples = study.run(run)["samples"]
    seeds = study.spec["samples"][samples]["seeds"]
    return study.samples_file(samples, seed if seed in seeds else seeds[0], "summary.json")


TOLERANCE = 0.01  # token counts of equal plans differ a little with the order of rows
COMPARED = ("steps", "tokens", "data_share")


def build_budget(study: StudyFolder, trainings: dict, run: str) -> dict[str, Any] | None:
    """Look up the effort behind a run's first seed; None for a run that was not trained."""
    training = trainings.get((run, study.list_seeds(run)[0]))
    if training is None:
        return None
    spec = study.run(run)
    rows = study.load(study.dataset_file(spec["dataset"], "data_card.json"))["rows"]["train"]
    return {
        "dataset": spec["dataset"],
        "data_share": min(1.0, training["epochs"]) if training["epochs"] else None,
        "rows": rows,
        "epochs": training["epochs"],
        "steps": training["steps"],
        "tokens": training["tokens"],
        "learning_rate": spec.get("training", {}).get("learning_rate"),
        "trainable_parameters": training["trainable_parameters"],
        "train_seconds": training["train_seconds"],
    }


def list_unequal(study: StudyFolder, trainings: dict, run: str, against: str) -> list[str]:
    """List the measures of effort in which two trained runs differ; nothing where one of them is untrained.

    A run that went on from the other one has had that one's effort too, so nothing needs to be said twice.
    """
    budgets = [build_budget(study, trainings, name) for name in (run, against)]
    if None in budgets or is_start(study, run, against):
        return []
    if budgets[0]["dataset"] != budgets[1]["dataset"]:
        return ["dataset"]
    first, second = budgets
    return [name for name in COMPARED if differ(first[name], second[name])]


def is_start(study: Study, run: str, against: str) -> bool:
    """Tell whether one of two runs went on from the other."""
    return study.run(run).get("init_from") == against or study.run(against).get("init_from") == run


def differ(first: float | None, second: float | None) -> bool:
    """Tell whether two amounts differ by more than the tolerance."""
    if first is None or second is None:
        return first is not second
    return abs(first - second) > TOLERANCE * max(abs(first), abs(second))
