"""Arrange the tested differences for the page: those that the config declares, then every pair of runs.

Verdicts come from the results as they are. A verdict is about a task's first metric; the other metrics on which the
tests decide otherwise always stand beside it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tunelab.comparison.power import ALPHA
from tunelab.comparison.results import Results
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder

# --- Doubts: the runs of which a verdict says little, and why
# starved: a run of reinforcement learning that drew too few completions and is not favoured by the verdict, since more
# might have changed it. edge: a tuned run that did best at the edge of what was tried, and is not favoured either.
# degenerate: a run whose answers to the task are alike or loop, whatever the verdict.

Doubts = dict[str, list[str]]  # runs by the reason for the doubt


def list_doubts(contrast: dict) -> Doubts:
    """List the runs of a contrast of which its verdict says little, by reason; a reason without a run is left out."""
    favoured = {"better": contrast["run"], "worse": contrast["against"]}.get(contrast["verdict"])
    starved, edge = ([run for run in contrast[name] if run != favoured] for name in ("starved", "at_edge"))
    return pick({"starved": starved, "edge": edge, "degenerate": contrast["degenerate"]})


def join_doubts(rows: Iterable[dict]) -> Doubts:
    """Join the doubts of several findings, naming each run once."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for reason, runs in row["doubted"].items():
            found.setdefault(reason, {}).update(dict.fromkeys(runs))
    return {reason: list(runs) for reason, runs in found.items()}


def build_kinds(kinds: list[dict], starved: list[dict], sameness: list[dict]) -> list[dict]:
    """Add to each kind of gain the runs of which it says little."""
    favoured = {"beyond": "run", "less": "against"}
    drew_little = {found["run"] for found in starved}
    rows = []
    for row in kinds:
        pair = [row["run"], row["against"]]
        alike = {found["run"] for found in sameness if found["task"] == row["task"] and found["degenerate"]}
        doubted = [run for run in pair if run in drew_little and run != row.get(favoured.get(row["kind"]))]
        rows.append(row | {"doubted": pick({"starved": doubted, "degenerate": [run for run in pair if run in alike]})})
    return rows


def pick(doubts: Doubts) -> Doubts:
    """Leave out reasons without a run."""
    return {reason: runs for reason, runs in doubts.items() if runs}


def load_results(study: StudyFolder) -> Results:
    """Load a study's results.json."""
    return Results.model_validate(study.load(study.results_file))


VERDICTS = ("better", "worse", "equivalent", "undecided")  # as the page lists them
MIRRORED = {"better": "worse", "worse": "better"}
Tension = Literal["holm", "test", "margin"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """The declared contrasts, and the counts that the page tells of them."""

    declared: list[dict]
    primary: list[dict]  # those on first metrics
    groups: dict[str, list[dict]]  # the same by task and verdict
    undecided: int
    unequal: list[dict]
    below_noise: int
    exploratory: int


def build_findings(contrasts: list[dict]) -> Findings:
    """Build the findings from the contrasts of results.json."""
    rows = complete(contrasts)
    declared = [row for row in rows if row["declared"]]
    primary = [row for row in declared if row["primary"]]
    return Findings(
        declared=declared,
        primary=primary,
        groups=group_verdicts(primary),
        undecided=sum(row["verdict"] == "undecided" for row in primary),
        unequal=[row for row in primary if row["unequal"] and not row["task"].startswith("text:")],
        below_noise=sum(row["below_noise"] for row in declared),
        exploratory=sum(row["primary"] and not row["declared"] for row in rows),
    )


def complete(contrasts: list[dict]) -> list[dict]:
    """Add to each contrast what `build_finding` adds; those on a first metric get what others say to the contrary."""
    rows = [build_finding(contrast) for contrast in contrasts]
    others: dict[tuple[str, str, str], list[dict]] = {}
    for row in rows:
        if not row["primary"] and row["verdict"] in MIRRORED:
            others.setdefault(_key(row), []).append(row)
    for row in rows:
        found = others.get(_key(row), ()) if row["primary"] else ()
        row["contrary"] = [other for other in found if other["verdict"] != row["verdict"]]
    return rows


def _key(row: dict) -> tuple[str, str, str]:
    return row["task"], row["run"], row["against"]


def build_finding(contrast: dict) -> dict:
    """Add whether repeated evaluations moved the metric by as much, the doubts, and the tension with the interval."""
    floor = contrast["noise"]
    below = bool(floor) and abs(contrast["value"]) <= floor
    return contrast | {"below_noise": below, "doubted": list_doubts(contrast), "tension": find_tension(contrast)}


def find_tension(row: dict) -> Tension | None:
    """Find why a verdict and its interval seem to contradict each other, if they do.

    holm: undecided with 0 outside the interval, because of the correction alone. test: test and interval, which are
    computed in different ways, disagree. margin: equivalent with 0 outside, a difference that is too small to matter.
    """
    outside = row["low"] > 0 or row["high"] < 0
    if outside and row["verdict"] == "undecided":
        return "holm" if row["p"] < ALPHA else "test"
    if outside and row["verdict"] == "equivalent":
        return "margin"
    return "test" if not outside and row["verdict"] in MIRRORED else None


def mirror(row: dict) -> dict:
    """Return a finding with its two runs exchanged."""
    turned = {
        "run": row["against"],
        "against": row["run"],
        "value": -row["value"],
        "low": -row["high"],
        "high": -row["low"],
        "wins": row["losses"],
        "losses": row["wins"],
        "verdict": MIRRORED.get(row["verdict"], row["verdict"]),
    }
    contrary = {"contrary": [mirror(other) for other in row["contrary"]]} if "contrary" in row else {}
    return row | turned | contrary


def find_pairs(contrasts: list[dict]) -> dict[tuple[str, str, str], dict]:
    """Find the difference on each task's first metric by (task, run, against), in both directions."""
    rows = [row for row in complete(contrasts) if row["primary"]]
    return {_key(row): row for found in rows for row in (found, mirror(found))}


def list_contrary(row: dict) -> list[tuple[str, str]]:
    """List the metrics on which the tests decide otherwise than a finding, each with its verdict."""
    return [(other["metric"], other["verdict"]) for other in row["contrary"]]


def group_verdicts(rows: list[dict]) -> dict[str, list[dict]]:
    """Group findings by task, and by verdict and the run compared with, so that one phrase can name all of a group.

    Undecided findings without a metric to the contrary are one group at the end, whichever run they compare with.
    """
    grouped: dict[str, dict[tuple, list[dict]]] = {}
    for row in rows:
        contrary = tuple(list_contrary(row))
        against = None if row["verdict"] == "undecided" and not contrary else row["against"]
        grouped.setdefault(row["task"], {}).setdefault((row["verdict"], against, contrary), []).append(row)
    return {
        task: [
            {
                **{"verdict": verdict, "against": against, "contrary": list(contrary), "rows": found},
                **{"metric": found[0]["metric"], "doubted": join_doubts(found)},
            }
            for (verdict, against, contrary), found in sorted(
                groups.items(), key=lambda group: (VERDICTS.index(group[0][0]), group[0][1] is None)
            )
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
