"""Hold every test set of a study against every training set that some run of it learns from."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tunelab.data.near_duplicates import find_near
from tunelab.data.overlap import find_exact, find_held, find_shared
from tunelab.data.turns import Turn, tell_turn
from tunelab.data.twins import NUMBERS, Row, count_usual, find_twins
from tunelab.data.worked_answers import ONE_SHOT
from tunelab.jobs.layout import StudyFolder

Find = Callable[[list[str], list[str]], Sequence[bool]]
KINDS: dict[str, Find] = {"exact": find_exact, "ngram13": find_shared, "near": find_near}
KINDS_IN_TEXTS: dict[str, Find] = KINDS | {"exact": find_held, "near": partial(find_near, held=True)}


def measure_overlaps(study: StudyFolder) -> list[dict]:
    """List, for each task and each data set that a run learns from, the overlapping test rows by kind.

    Of kinds of overlap the questions are compared, of twins the answers as well. Validation rows count as training
    rows, because checkpoints are chosen by them. Of plain texts (`texts`) it counts what they hold.
    """
    learnt = {dataset: _load_records(study, dataset, "train", "validation") for dataset in study.list_learnt()}
    asked = {task: _load_records(study, study.task(task)["dataset"], "test") for task in study.tasks}
    return [
        {"task": task, "dataset": dataset, "rows": len(rows)} | _compare(_read_rows(rows), known)
        for task, rows in asked.items()
        for dataset, known in learnt.items()
    ]


def _compare(rows: dict[str, Row], records: list[dict]) -> dict[str, Any]:
    """List what test rows share with the rows of a training set."""
    known, texts = list(_read_rows(records).values()), "text" in records[0]
    kinds = KINDS_IN_TEXTS if texts else KINDS
    return {
        **{kind: _list_hits(rows, known, find) for kind, find in kinds.items()},
        "twins": [_list_twins(rows, known, numbers, texts) for numbers in NUMBERS],
        **({"texts": True} if texts else {}),
    }


def _list_hits(rows: dict[str, Row], known: list[Row], find: Find) -> list[str]:
    return _name(rows, find([row.question for row in rows.values()], [row.question for row in known]))


def _list_twins(rows: dict[str, Row], known: list[Row], numbers: str, texts: bool) -> dict[str, Any]:
    masked = numbers == "masked"
    found = {part: _name(rows, hits) for part, hits in find_twins(list(rows.values()), known, masked, texts).items()}
    usual, of = count_usual(known, masked, texts)
    return {"numbers": numbers, **found, "usual": usual, "usual_of": of}


def _name(rows: dict[str, Row], hits: Sequence[bool]) -> list[str]:
    return [name for name, hit in zip(rows, hits, strict=True) if hit]


def _load_records(study: StudyFolder, dataset: str, *splits: str) -> list[dict]:
    return [record for split in splits for record in study.load(study.dataset_file(dataset, f"{split}_dataset.json"))]


def _read_rows(records: list[dict]) -> dict[str, Row]:
    """Return by its id what the user of each row says, and the answer to it; of a plain text, itself as both."""
    return {
        record["id"]: Row(record["text"], record["text"]) if "text" in record else read_row(record["messages"])
        for record in records
    }


def read_row(messages: list[Turn]) -> Row:
    """Return what the user of a row says, and the last answer."""
    asked = [tell_turn(turn) for turn in _skip_shots(messages) if turn["role"] == "user"]
    return Row("\n".join(asked), tell_turn(messages[-1]))


def _skip_shots(messages: list[Turn]) -> list[Turn]:
    """Return a row without the worked example that stands before every question of its data set, if one does."""
    return messages[-2:] if [turn for turn in messages[:-2] if turn["role"] != "system"] == [*ONE_SHOT] else messages
