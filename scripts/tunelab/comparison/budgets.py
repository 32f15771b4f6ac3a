"""Compare the training budgets of runs (steps, tokens, data), and find runs that drew too few completions.

If budgets differ, a difference between runs may come from the budget; the page says so in the verdict's sentence. If a
run of reinforcement learning drew too few completions to expect an effect (it is starved), page, paper and plan say so.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab.comparison.results import Learner, Shortage, Starved
from tunelab.config.completions import count_completions, count_of_step
from tunelab.config.methods import REWARDED
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder

# Public recipes whose models clearly gained drew some 2,000 completions or more: reverse-text of prime-rl 1,920 to
# 2,560, Countdown of grpo-decomp 4,000, Esme-214M 30,720. A run of this project gained 3.5 points with 320, which is
# undecided, and 14.5 to 28 points with 2,560 (three seeds).
LEAST_COMPLETIONS = 1500
# Completions are compared within a question, usually 8 of them, and a question whose completions all earned the same
# reward teaches nothing: with fewer than four questions a step, chance decides whether a step teaches anything.
LEAST_OF_STEP = 32
STEP = 0.05  # of a budget: trainings end with a whole step, which crosses the limit by some of it
TOLERANCE = 0.01  # token counts of equal plans differ a little with the order of rows
COMPARED = ("steps", "tokens", "data_share")


def list_starved(study: StudyFolder, trainings: dict[tuple[str, int], dict]) -> Iterator[Starved]:
    """Yield the starved runs, each by its first seed; `trainings` holds each training.json."""
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
                run=run,
                seed=seed,
                completions=answers[run],
                of_step=of_step,
                learners=learners,
                shortages=shortages,
                sources=[study.name(file) for file in files],
            )


def list_shortages(completions: int, of_step: int, learners: list[Learner]) -> list[Shortage]:
    """List what a run has too few of: completions, completions a step, or drawn answers beside other runs."""
    found = {
        "completions": completions < LEAST_COMPLETIONS,
        "of_step": of_step < LEAST_OF_STEP,
        "learners": bool(learners),
    }
    return [name for name, is_short in found.items() if is_short]


def list_learners(study: Study, run: str, answers: dict[str, int]) -> list[Learner]:
    """List the runs that learn from more answers to the same questions, drawn before their training.

    answers: the number of drawn answers of each run for which it is known, and of the run itself.
    """
    return [
        Learner(run=name, answers=answers[name])
        for name in study.list_learners()
        if name in answers and study.run(name)["dataset"] == study.run(run)["dataset"] and answers[name] > answers[run]
    ]


def count_answers(study: StudyFolder, trainings: dict[tuple[str, int], dict], run: str) -> int | None:
    """Count the answers drawn for a run's first seed to learn from; None if it learns from given answers."""
    spec, seed = study.run(run), study.list_seeds(run)[0]
    if spec.get("samples"):
        return study.load(find_summary(study, run, seed))["answers"]
    if spec["method"] not in REWARDED:
        return None
    card = study.load(study.dataset_file(spec["dataset"], "data_card.json"))
    return count_completions(spec, trainings[run, seed]["steps"], card["rows"]["train"])


def find_summary(study: StudyFolder, run: str, seed: int) -> Path:
    """Return the summary of the drawn answers that a run learns from; an untouched model drew with one seed."""
    samples = study.run(run)["samples"]
    seeds = study.spec["samples"][samples]["seeds"]
    return study.samples_file(samples, seed if seed in seeds else seeds[0], "summary.json")


def build_budget(study: StudyFolder, trainings: dict, run: str) -> dict[str, Any] | None:
    """Return the budget of a run's first seed; None for a run that was not trained."""
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
    """List the parts of the budget in which two trained runs differ; nothing if one of them is untrained.

    Nothing, too, if one run started from the other, whose budget it then has in any case. In a study that gives all
    runs the same budget, only its axis counts, and the data set.
    """
    budgets = [build_budget(study, trainings, name) for name in (run, against)]
    if None in budgets or is_start(study, run, against):
        return []
    if budgets[0]["dataset"] != budgets[1]["dataset"]:
        return ["dataset"]
    if has_budget(study):
        return [] if find_equal_budget(study, trainings, run, against) else [study.spec["study"]["budget"]["axis"]]
    first, second = budgets
    return [name for name in COMPARED if differ(first[name], second[name])]


def has_budget(study: Study) -> bool:
    """Tell whether the study gives all trained runs the same budget."""
    return study.spec["study"].get("budget") is not None


def find_equal_budget(study: Study, trainings: dict, run: str, against: str) -> str | None:
    """Return the axis of the study's budget if two trained runs, none of which started from the other, consumed it."""
    if not has_budget(study) or is_start(study, run, against):
        return None
    shares = [trainings[pair]["budget"]["share"] for pair in study.list_arms((run, against)) if pair in trainings]
    if {run, against} - set(study.list_trained()) or max(shares) - min(shares) > STEP * max(shares):
        return None
    return study.spec["study"]["budget"]["axis"]


def is_start(study: Study, run: str, against: str) -> bool:
    """Tell whether one of two runs started from the other."""
    return study.run(run).get("init_from") == against or study.run(against).get("init_from") == run


def differ(first: float | None, second: float | None) -> bool:
    """Tell whether two amounts differ by more than the tolerance."""
    if first is None or second is None:
        return first is not second
    return abs(first - second) > TOLERANCE * max(abs(first), abs(second))
