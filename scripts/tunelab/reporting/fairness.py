"""The effort behind every trained run, side by side, and the compared pairs that it differs between."""

from typing import Any

from tunelab.comparison.budgets import build_budget, differ, is_start
from tunelab.comparison.starved import count_answers
from tunelab.config.completions import count_of_step
from tunelab.config.methods import REWARDED
from tunelab.jobs.layout import StudyFolder

# what a model gave to a training; shown where some run has it
BESIDE_DATA = ("answers", "answers_of_step", "teacher_tokens")


def build_fairness(study: StudyFolder, trainings: dict) -> dict:
    """Build one row per measure of effort: a cell per trained run, and the declared pairs that differ in it.

    A run and its own start are left out of the pairs, since the one has had the other's effort too.
    """
    budgets = {
        run: build_budget(study, trainings, run) | describe_answers(study, trainings, run)
        for run in study.list_trained()
    }
    pairs = [pair for pair in study.list_contrasts() if set(pair) <= budgets.keys() and not is_start(study, *pair)]
    names = [
        name
        for name in next(iter(budgets.values()), {})
        if name not in BESIDE_DATA or any(budget[name] for budget in budgets.values())
    ]
    return {
        "runs": list(budgets),
        "rows": [
            {
                "name": name,
                "cells": [budget[name] for budget in budgets.values()],
                "unequal": [pair for pair in pairs if is_unequal(*(budgets[run][name] for run in pair))],
            }
            for name in names
        ],
    }


def describe_answers(study: StudyFolder, trainings: dict, run: str) -> dict[str, Any]:
    """Count, for a run's first seed, the answers that a model gave for it and what a teacher read of them.

    `rows` are then those that were made of the answers.
    """
    seed, drawn = study.list_seeds(run)[0], study.run(run)["method"] in REWARDED
    found = {
        "answers": count_answers(study, trainings, run),
        "answers_of_step": count_of_step(study.run(run)) if drawn else None,
        "teacher_tokens": trainings[run, seed].get("teacher_tokens"),
    }
    if study.run(run).get("samples"):
        found["rows"] = study.load(study.run_file(run, seed, "choice.json"))["rows"]
    return found


def is_unequal(first: Any, second: Any) -> bool:
    return first != second if isinstance(first, str) else differ(first, second)
