"""What touches the numbers of the first screen, a line each: a reader who stops there must have met it.

Each stands among the threats as well, with its details; what only limits how far the results reach stands there alone.
"""

from typing import Any

from tunelab.config.study import Study

LONGEST = 60  # characters of an answer in a sentence
KINDS = ("overlap", "cut", "degenerate", "starved", "noise")  # also the names of the threats that they lead to


def list_cautions(page: dict[str, Any]) -> list[dict[str, Any]]:
    """List what touches the numbers that the first screen shows of the study's tasks."""
    found = {
        "overlap": [_describe_overlap(page, row) for row in page["contamination"]["shared"]],
        "cut": [row | {"runs": row["much"]} for row in page["facts"]["cut_off"] if row["much"]],
        "degenerate": page["degenerate"],
        "starved": [{"runs": [row["run"] for row in page["starved"]]}] if page["starved"] else [],
        "noise": [row for row in page["findings"]["primary"] if row["below_noise"] and row["task"] in page["tasks"]],
    }
    return [row | {"kind": kind} for kind in KINDS for row in found[kind]]


def _describe_overlap(page: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Add whether too few rows are left without those that are shared, and how many verdicts change without them."""
    task = row["task"]
    changed = {
        (whole["run"], whole["against"])
        for level in page["contamination"]["levels"]
        if level["task"] == task
        for whole, again in level["contrasts"]
        if whole["verdict"] != again["verdict"]
    }
    judged = sum(found["task"] == task for found in page["findings"]["primary"])
    emptied = any(found["task"] == task for found in page["contamination"]["emptied"])
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
    untouched = study.find_untouched(row["run"]) if row["run"] in study.list_trained() else None
    said = " ".join(row["commonest"].split())
    said = said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"
    return row | {"said": said, "untouched": known.get((untouched, row["task"]))}
