"""The tested differences as the page shows them: what the config asks first, then every pair of runs.

Verdicts come from the results; nothing is judged in here.
"""

from collections.abc import Iterable

from tunelab.config.study import Study

VERDICTS = ("better", "worse", "equivalent", "undecided")  # as the page lists them
MIRRORED = {"better": "worse", "worse": "better"}


def build_findings(contrasts: list[dict]) -> dict:
    """Build the declared contrasts by task and metric, and the counts that the page tells of them."""
    rows = [build_finding(contrast) for contrast in contrasts]
    declared = [row for row in rows if row["declared"]]
    primary = [row for row in declared if row["primary"]]
    return {
        "declared": declared,
        "primary": primary,
        "groups": group_verdicts(primary),
        "undecided": sum(row["verdict"] == "undecided" for row in primary),
        "unequal": [row for row in primary if row["unequal"] and not row["task"].startswith("text:")],
        "below_noise": sum(row["below_noise"] for row in declared),
        "exploratory": sum(row["primary"] and not row["declared"] for row in rows),
    }


def build_finding(contrast: dict) -> dict:
    """Add to a contrast whether repeated evaluations moved the metric by as much, and of which run it says little."""
    floor = contrast["noise"]
    below = bool(floor) and abs(contrast["value"]) <= floor
    return contrast | {"below_noise": below, "doubted": list_doubted(contrast)}


def list_doubted(contrast: dict) -> list[str]:
    """List the starved runs that a verdict does not favour: more completions might have turned it."""
    favoured = {"better": contrast["run"], "worse": contrast["against"]}.get(contrast["verdict"])
    return [run for run in contrast["starved"] if run != favoured]


def build_kinds(kinds: list[dict], starved: list[dict]) -> list[dict]:
    """Add to each kind of gain of which runs it says little, since they were starved and it does not favour them."""
    favoured = {"beyond": "run", "less": "against"}
    return [
        row | {"doubted": [run for run in _list_pair_of(row, starved) if run != row.get(favoured.get(row["kind"]))]}
        for row in kinds
    ]


def _list_pair_of(row: dict, starved: list[dict]) -> list[str]:
    return [name for name in (row["run"], row["against"]) if name in {found["run"] for found in starved}]


def join_doubted(rows: Iterable[dict]) -> list[str]:
    """List the runs of which `list_doubted` has one of these findings say little, each once."""
    return list(dict.fromkeys(run for row in rows for run in list_doubted(row)))


def mirror(row: dict) -> dict:
    """Turn a finding round, so that it is one of the other run."""
    return row | {
        "run": row["against"],
        "against": row["run"],
        "value": -row["value"],
        "low": -row["high"],
        "high": -row["low"],
        "wins": row["losses"],
        "losses": row["wins"],
        "verdict": MIRRORED.get(row["verdict"], row["verdict"]),
    }


def find_pairs(contrasts: list[dict]) -> dict[tuple[str, str, str], dict]:
    """Find the difference on each task's first metric by (task, run, against), in both directions."""
    rows = [build_finding(contrast) for contrast in contrasts if contrast["primary"]]
    both = [turned for row in rows for turned in (row, mirror(row))]
    return {(row["task"], row["run"], row["against"]): row for row in both}


def group_verdicts(rows: list[dict]) -> dict[str, list[dict]]:
    """Group findings by task and by what they say: those of one verdict against one run are told in one breath.

    What is undecided is told together at the end, whatever it is held against.
    """
    grouped: dict[str, dict[tuple, list[dict]]] = {}
    for row in rows:
        said = ("undecided", None) if row["verdict"] == "undecided" else (row["verdict"], row["against"])
        grouped.setdefault(row["task"], {}).setdefault(said, []).append(row)
    return {
        task: [
            {"verdict": verdict, "against": against, "rows": found, "doubted": join_doubted(found)}
            for (verdict, against), found in sorted(groups.items(), key=lambda group: VERDICTS.index(group[0][0]))
        ]
        for task, groups in grouped.items()
    }


def build_changes(study: Study, pairs: dict, tasks: list[str]) -> list[dict]:
    """Build the run × task matrix: each trained run against the untouched run of its model.

    `elsewhere` marks the cells off the diagonal: tasks and texts on whose data the run was not trained.
    """
    changes = []
    for run in study.list_trained():
        untouched = study.find_untouched(run)
        if untouched:
            cells = [
                pairs[task, run, untouched] | {"elsewhere": find_dataset(study, task) not in study.list_datasets(run)}
                for task in tasks
            ]
            changes.append({"run": run, "untouched": untouched, "cells": cells})
    return changes


def find_dataset(study: Study, task: str) -> str | None:
    """Return the data set of a task, None for a neutral text."""
    return study.task(task)["dataset"] if task in study.tasks else None
