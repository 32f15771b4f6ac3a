"""Runs or seeds that answer alike on every question, or seeds without any spread: rarely what two trainings do.

Equal numbers are then no result: a training may have changed nothing, a seed may reach nothing that is drawn, or the
same weights may stand under two names.
"""

from typing import Any

from tunelab.comparison.metrics import FIRST, SHARE
from tunelab.jobs.layout import StudyFolder


def list_identical(study: StudyFolder) -> list[dict[str, Any]]:
    """List the groups of arms, (run, seed), whose answers to a task are equal word by word."""
    found = []
    for task in study.tasks:
        groups: dict[tuple[str, ...], list[tuple[str, int]]] = {}
        for arm in study.list_arms():
            answers = study.load(study.task_file(*arm, task, "answers.jsonl"))
            groups.setdefault(tuple(answer["completion"] for answer in answers), []).append(arm)
        found += [
            {"task": task, "arms": arms, "of_one_run": len({run for run, _ in arms}) == 1, "n": len(answers)}
            for answers, arms in groups.items()
            if len(arms) > 1
        ]
    return found


def list_still(study: StudyFolder, find: dict) -> list[dict[str, Any]]:
    """List the estimates (of the first seed) of runs whose first metric on a task is the same for all seeds."""
    found = []
    for task in study.tasks:
        metric = FIRST[study.task(task)["kind"]]
        for run in study.list_trained():
            rows = [find[run, seed, task, metric] for seed in study.list_seeds(run)]
            if len(rows) > 1 and len({row["value"] for row in rows}) == 1:
                found.append(rows[0] | {"seeds": len(rows), "extreme": rows[0]["value"] in SHARE})
    return found
