"""Hold every test set of a study against every training set that some run of it learns from."""

from collections.abc import Callable, Sequence

from tunelab.data.near_duplicates import find_near
from tunelab.data.overlap import find_exact, find_shared
from tunelab.data.turns import Turn, tell_turn
from tunelab.data.worked_answers import ONE_SHOT
from tunelab.jobs.layout import StudyFolder

KINDS = {"exact": find_exact, "ngram13": find_shared, "near": find_near}


def measure_overlaps(study: StudyFolder) -> list[dict]:
    """List, for each task and each data set that a run learns from, the overlapping test rows by kind.

    Validation rows count as training rows, because checkpoints are chosen by them.
    """
    learnt = {dataset: _read_questions(study, dataset, "train", "validation") for dataset in study.list_learnt()}
    asked = {task: _read_questions(study, study.task(task)["dataset"], "test") for task in study.tasks}
    return [
        {"task": task, "dataset": dataset, "rows": len(questions)}
        | {kind: _list_hits(questions, list(known.values()), find) for kind, find in KINDS.items()}
        for task, questions in asked.items()
        for dataset, known in learnt.items()
    ]


def _list_hits(
    questions: dict[str, str], known: list[str], find: Callable[[list[str], list[str]], Sequence[bool]]
) -> list[str]:
    hits = find(list(questions.values()), known)
    return [row for row, hit in zip(questions, hits, strict=True) if hit]


def _read_questions(study: StudyFolder, dataset: str, *splits: str) -> dict[str, str]:
    """Read what the user of each row says, by the row's id."""
    files = [study.dataset_file(dataset, f"{split}_dataset.json") for split in splits]
    return {
        record["id"]: "\n".join(tell_turn(turn) for turn in _skip_shots(record["messages"]) if turn["role"] == "user")
        for file in files
        for record in study.load(file)
    }


def _skip_shots(messages: list[Turn]) -> list[Turn]:
    """Return a row without the worked example that stands before every question of its data set, if one does."""
    return messages[-2:] if [turn for turn in messages[:-2] if turn["role"] != "system"] == [*ONE_SHOT] else messages
