"""Collect what limits the numbers of a study: cautions for the first screen, unequal effort, and contamination.

A caution is a line on the first screen, for readers who read no further. Each also stands among the threats to
validity, with its details.
"""

from dataclasses import dataclass
from typing import Any

from tunelab.comparison.budgets import build_budget, count_answers, differ, is_start
from tunelab.config.completions import count_of_step
from tunelab.config.methods import REWARDED
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.findings import find_tension, list_doubts

LONGEST = 60  # characters of an answer in a sentence
KINDS = ("overlap", "cut", "degenerate", "starved", "edge", "noise")  # also the names of the threats that they lead to


@dataclass(frozen=True, kw_only=True, slots=True)
class Contamination:
    """What tests share with trainings, and the numbers without these rows."""

    overlaps: list[dict]
    twins: list[dict]
    templated: list[dict]
    shared: list[dict]
    levels: list[dict]  # one for each task and each kind of rows left out
    emptied: list[dict]  # those of which too few rows would stay


def list_cautions(
    tasks: list[str],
    primary: list[dict],
    contamination: Contamination,
    cut_off: list[dict],
    degenerate: list[dict],
    starved: list[dict],
    tuned: list[dict],
) -> list[dict[str, Any]]:
    """List what touches the numbers that the first screen shows of the study's tasks.

    primary: the declared findings on first metrics; cut_off: of `Facts`; the others: of `DoubtsChapter`.
    """
    found = {
        "overlap": [_describe_overlap(contamination, primary, row) for row in contamination.shared],
        "cut": [row | {"runs": row["much"]} for row in cut_off if row["much"]],
        "degenerate": degenerate,
        "starved": [{"runs": [row["run"] for row in starved]}] if starved else [],
        "edge": [{"runs": runs}] if (runs := [row["run"] for row in tuned if row["edges"]]) else [],
        "noise": [row for row in primary if row["below_noise"] and row["task"] in tasks],
    }
    return [row | {"kind": kind} for kind in KINDS for row in found[kind]]


def _describe_overlap(contamination: Contamination, primary: list[dict], row: dict[str, Any]) -> dict[str, Any]:
    """Add whether too few rows are left without those that are shared, and how many verdicts change without them."""
    task = row["task"]
    changed = {
        (whole["run"], whole["against"])
        for level in contamination.levels
        if level["task"] == task
        for whole, again in level["contrasts"]
        if whole["verdict"] != again["verdict"]
    }
    judged = sum(found["task"] == task for found in primary)
    emptied = any(found["task"] == task for found in contamination.emptied)
    return row | {"changed": len(changed), "judged": judged, "emptied": emptied}


def list_degenerate(study: Study, sameness: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """List, per task, the runs whose answers are alike or loop, each with its worst seed.

    `said` is the beginning of the commonest answer; `untouched` are the answers of the model before its training.
    """
    known = {(row["run"], row["task"]): row for row in sameness}
    worst: dict[str, dict[str, dict[str, Any]]] = {}
    for row in sameness:
        if row["degenerate"]:
            first = worst.setdefault(row["task"], {}).setdefault(row["run"], row)
            if max(row["alike"], row["looping"]) > max(first["alike"], first["looping"]):
                worst[row["task"]][row["run"]] = row
    return [
        {"task": task, "rows": [_describe_answers(study, row, known) for row in runs.values()]}
        for task, runs in worst.items()
    ]


def _describe_answers(study: Study, row: dict[str, Any], known: dict) -> dict[str, Any]:
    untouched = study.find_reference(row["run"])
    said = " ".join(row["commonest"].split())
    said = said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"  # dots could be the answer's own
    return row | {"said": said, "untouched": known.get((untouched, row["task"]))}


# --- Fairness: the effort behind every trained run, and the compared pairs of unequal effort

# what a model contributed to a training; shown where some run has it
BESIDE_DATA = ("answers", "answers_of_step", "teacher_tokens")


def build_fairness(study: StudyFolder, trainings: dict) -> dict:
    """Build one row per measure of effort: a cell per trained run, and the declared pairs that differ in it.

    Pairs of a run and its own start are left out, since the run has had the effort of its start too.
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


# --- Contamination: rows that tests share with trainings, and the main numbers without them


def build_contamination(found: dict[str, list[dict]], cells: dict, pairs: dict) -> Contamination:
    """Build what the page says of shared rows; `cells` and `pairs` hold the estimates and findings on all rows."""
    levels: dict[tuple[str, str], dict] = {}
    for row in found["cleaned"]:
        level = levels.setdefault((row["task"], row["without"]), {"n": row["n"], "runs": [], "contrasts": []})
        level["n"] = max(level["n"], row["n"])  # a run may have been asked fewer rows
        level["runs"].append((cells[row["run"], row["task"], row["metric"]], row))
    for row in found["cleaned_contrasts"]:
        level, whole = levels[row["task"], row["without"]], pairs[row["task"], row["run"], row["against"]]
        again = (
            row
            | {name: whole[name] for name in ("starved", "at_edge", "degenerate", "margin")}
            | {"p": row["p_corrected"]}
        )
        level["contrasts"].append((whole, again | {"doubted": list_doubts(again), "tension": find_tension(again)}))
    return Contamination(
        overlaps=found["overlaps"],
        twins=found["twins"],
        templated=[row for row in found["twins"] if row["numbers"] == "masked" and row["both"]],
        shared=[row for row in found["overlaps"] if row["near"]],
        levels=[{"task": task, "without": without, **level} for (task, without), level in levels.items()],
        emptied=[row for row in found["left"] if not row["enough"]],
    )
