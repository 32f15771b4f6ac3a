"""The effort behind every trained run, side by side, and the compared pairs that it differs between."""

from typing import Any

import pyarrow.parquet as pq

from tunelab.comparison.budgets import build_budget, differ, is_start
from tunelab.config.specs.training import SAMPLING
from tunelab.jobs.layout import StudyFolder

BESIDE_DATA = ("answers", "teacher_tokens")  # what a model gave to a training; shown where some run has it


def build_fairness(study: StudyFolder, trainings: dict) -> dict:
    """Build one row per measure of effort: a cell per trained run, and the declared pairs that differ in it.

    A run and its own start are left out of the pairs, since the one has had the other's effort too.
    """
    budgets = {
        run: build_budget(study, trainings, run) | count_answers(study, trainings, run) for run in study.list_trained()
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


def count_answers(study: StudyFolder, trainings: dict, run: str) -> dict[str, Any]:
    """Count, for a run's first seed, the answers that a model gave and what a teacher read of them.

    `rows` are then those that were made of the answers.
    """
    seed = study.list_seeds(run)[0]
    found = {"answers": None, "teacher_tokens": trainings[run, seed].get("teacher_tokens")}
    if study.run(run).get("samples"):
        choice = study.load(study.run_file(run, seed, "choice.json"))
        return found | {"answers": choice["drawn"], "rows": choice["rows"]}
    if study.run(run)["method"] in SAMPLING:
        file = study.find(study.run_file(run, seed, "completions.parquet"))
        return found | {"answers": pq.read_metadata(file).num_rows}
    return found


def is_unequal(first: Any, second: Any) -> bool:
    return first != second if isinstance(first, str) else differ(first, second)
