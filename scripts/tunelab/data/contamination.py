"""Hold every test set of a study against every training set that some run of it learns from."""

from collections.abc import Callable, Sequence
from typing import Any

from tunelab.data.near_duplicates import find_near
from tunelab.data.overlap import find_exact, find_shared
from tunelab.data.turns import Turn, tell_turn
from tunelab.data.twins import NUMBERS, Row, count_usual, find_twins
from tunelab.data.worked_answers import ONE_SHOT
from tunelab.jobs.layout import StudyFolder

KINDS = {"exact": find_exact, "ngram13": find_shared, "near": find_near}


def measure_overlaps(study: StudyFolder) -> list[dict]:
    """List, for each task and each data set that a run learns from, the overlapping test rows by kind.

    Of kinds of overlap the questions are compared, of twins the answers as well. Validation rows count as training
    rows, because checkpoints are chosen by them.
    """
    learnt = {dataset: _read_rows(study, dataset, "train", "validation") for dataset in study.list_learnt()}
    asked = {task: _read_rows(study, study.task(task)["dataset"], "test") for task in study.tasks}
    return [
        {"task": task, "dataset": dataset, "rows": len(rows)}
        | {kind: _list_hits(rows, list(known.values()), find) for kind, find in KINDS.items()}
        | {"twins": [_list_twins(rows, list(known.values()), numbers) for numbers in NUMBERS]}
        for task, rows in asked.items()
        for dataset, known in learnt.items()
    ]


def _list_hits(
    rows: dict[str, Row], known: list[Row], find: Callable[[list[str], list[str]], Sequence[bool]]
) -> list[str]:
    return _name(rows, find([row.question for row in rows.values()], [row.question for row in known]))


def _list_twins(rows: dict[str, Row], known: list[Row], numbers: str) -> dict[str, Any]:
    masked = numbers == "masked"
    found = {part: _name(rows, hits) for part, hits in find_twins(list(rows.values()), known, masked).items()}
    usual, of = count_usual(known, masked)
    return {"numbers": numbers, **found, "usual": usual, "usual_of": of}


def _name(rows: dict[str, Row], hits: Sequence[bool]) -> list[str]:
    return [name for name, hit in zip(rows, hits, strict=True) if hit]


def _read_rows(study: StudyFolder, dataset: str, *splits: str) -> dict[str, Row]:
    """Read by its id what the user of each row says, and the answer to it."""
    files = [study.dataset_file(dataset, f"{split}_dataset.json") for split in splits]
    return {record["id"]: read_row(record["messages"]) for file in files for record in study.load(file)}


def read_row(messages: list[Turn]) -> Row:
    """Return what the user of a row says, and the last answer."""
    asked = [tell_turn(turn) for turn in _skip_shots(messages) if turn["role"] == "user"]
    return Row("\n".join(asked), tell_turn(messages[-1]))


def _skip_shots(messages: list[Turn]) -> list[Turn]:
    """Return a row without the worked example that stands before every question of its data set, if one does."""
    return messages[-2:] if [turn for turn in messages[:-2] if turn["role"] != "system"] == [*ONE_SHOT] else messages
