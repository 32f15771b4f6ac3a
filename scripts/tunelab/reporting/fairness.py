"""The effort behind every trained run, side by side, and the compared pairs that it differs between."""

from typing import Any

from tunelab.comparison.budgets import build_budget, differ, is_start
from tunelab.comparison.contrasts import list_declared
from tunelab.jobs.layout import StudyFolder


def build_fairness(study: StudyFolder, trainings: dict) -> dict:
    """Build one row per measure of effort: a cell per trained run, and the declared pairs that differ in it.

    A run and its own start are left out of the pairs, since the one has had the other's effort too.
    """
    budgets = {run: build_budget(study, trainings, run) for run in study.list_trained()}
    pairs = [pair for pair in list_declared(study) if set(pair) <= budgets.keys() and not is_start(study, *pair)]
    names = list(next(iter(budgets.values()), {}))
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


def is_unequal(first: Any, second: Any) -> bool:
    return first != second if isinstance(first, str) else differ(first, second)
