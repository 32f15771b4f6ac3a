"""Compare every test set of a study with every training set that one of its runs learns from.

Found are test questions that are in training as they are or in part (`overlap`), near duplicates, and twins.

A near duplicate (Lee et al. 2022, section 4.2) has a Jaccard similarity of 5-grams of at least 0.8; they estimate it,
here it is computed exactly, by a product of sparse matrices. A plain text is longer than the questions that it may
contain, so there at least 0.8 of a question's own 5-grams must be in one text (`held`). Units are words, or characters
of Chinese text.

A twin of a test row is a training row with a near duplicate of its question, of its answer, or of both; texts that are
too short for a 5-gram must have the same words. Twins are counted twice: with the numbers as they are (a run may
remember the answer of such a twin), and with all numbers read as the same (which adds rows of one template: a run may
remember their wording, but not the number). A plain text is the question and the answer of its row alike.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csr_array

from tunelab.data.overlap import find_exact, find_held, find_shared, list_ngrams
from tunelab.data.turns import Turn, tell_turn
from tunelab.data.worked_answers import ONE_SHOT
from tunelab.jobs.layout import StudyFolder
from tunelab.words import split_words

Find = Callable[[list[str], list[str]], Sequence[bool]]
SHINGLE, NEAR = 5, 0.8
CHUNK = 256  # test rows that are compared with all training rows at a time
PARTS = ("question", "answer", "both")
NUMBERS = ("kept", "masked")
USUAL_ROWS = 500  # training rows that are compared with the others, to tell how usual twins are in the data set
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Row(NamedTuple):
    """What the user of a row says, and the answer."""

    question: str
    answer: str


def find_near(test: Sequence[str], train: Sequence[str], held: bool = False) -> np.ndarray:
    """Return which test questions are near duplicates of one of `train` (booleans).

    Args:
        held: whether `train` are plain texts.
    """
    known = (list_ngrams(split_words(question), SHINGLE) for question in train)
    asked = [list_ngrams(split_words(question), SHINGLE) for question in test]
    return np.concatenate([np.zeros(0, bool), *(pairs.sum(axis=1) > 0 for pairs in find_pairs(asked, known, held))])


def find_pairs(asked: Sequence[set], known: Iterable[set], held: bool = False) -> Iterator[sparse.csr_array]:
    """Yield which sets are near duplicates.

    Args:
        held: whether `known` needs only to contain the share NEAR of a set of `asked`.

    Yields:
        Sparse booleans `[C, K]`, of C (at most CHUNK) sets of `asked` and all K sets of `known`.
    """
    places = {item: place for place, item in enumerate(dict.fromkeys(chain(*asked)))}  # nothing else can be shared
    asked_counts = _build_matrix([[places[item] for item in row] for row in asked], len(places))
    shareable = [([places[item] for item in row if item in places], len(row)) for row in known]
    known_counts = _build_matrix([row for row, _ in shareable], len(places))
    sizes = np.array([size for _, size in shareable], int)
    for start in range(0, len(asked), CHUNK):
        part = asked_counts[start : start + CHUNK]
        shared = (part @ known_counts.T).tocoo()
        all_items = np.diff(part.indptr)[shared.row] + (0 if held else sizes[shared.col] - shared.data)
        near = shared.data >= NEAR * all_items
        yield sparse.csr_array((near[near], (shared.row[near], shared.col[near])), shape=shared.shape)


def find_twins(test: Sequence[Row], train: Sequence[Row], masked: bool, held: bool = False) -> dict[str, np.ndarray]:
    """Return, for each of PARTS, which test rows have a twin in training (booleans).

    Args:
        masked: whether all numbers are read as the same; twins by their numbers as they are count in any case.
        held: whether the rows of `train` are plain texts.
    """
    kept = find_twins(test, train, False, held) if masked else dict.fromkeys(PARTS, np.zeros(len(test), bool))
    found: dict[str, list[np.ndarray]] = {part: [np.zeros(0, bool)] for part in PARTS}
    sides = _compare_sides(test, train, masked, held)
    for by_question, by_answer in zip(*sides, strict=True):
        pairs = {"question": by_question, "answer": by_answer, "both": by_question.multiply(by_answer)}
        for part, near in pairs.items():
            found[part].append(np.asarray(near.sum(axis=1) > 0))
    return {part: kept[part] | np.concatenate(chunks) for part, chunks in found.items()}


def count_usual(train: Sequence[Row], masked: bool, held: bool = False) -> tuple[int, int]:
    """Return how many training rows have a twin (in both parts) among the others, and how many were looked at."""
    shown = train[:USUAL_ROWS]
    sides = _compare_sides(shown, train, masked, held)
    others = [
        np.asarray(by_question.multiply(by_answer).sum(axis=1)) > 1  # a row is its own twin
        for by_question, by_answer in zip(*sides, strict=True)
    ]
    return int(sum(map(np.sum, others))), len(shown)


# kind of overlap → how it is found
KINDS: dict[str, Find] = {"exact": find_exact, "ngram13": find_shared, "near": find_near}
KINDS_IN_TEXTS: dict[str, Find] = KINDS | {"exact": find_held, "near": partial(find_near, held=True)}


def measure_overlaps(study: StudyFolder) -> list[dict]:
    """List, for each task and each data set that a run learns from, the ids of overlapping test rows by kind.

    Validation rows count as training rows, because checkpoints are chosen by them. `texts` marks plain texts.
    """
    learnt = {dataset: _load_records(study, dataset, "train", "validation") for dataset in study.list_learnt()}
    asked = {task: _load_records(study, study.task(task)["dataset"], "test") for task in study.tasks}
    return [
        {"task": task, "dataset": dataset, "rows": len(rows)} | _compare(_read_rows(rows), known)
        for task, rows in asked.items()
        for dataset, known in learnt.items()
    ]


def read_row(messages: list[Turn]) -> Row:
    """Return what the user of a row says, and the last answer."""
    asked = [tell_turn(turn) for turn in _skip_shots(messages) if turn["role"] == "user"]
    return Row("\n".join(asked), tell_turn(messages[-1]))


def _compare(rows: dict[str, Row], records: list[dict]) -> dict[str, Any]:
    """Compare test rows with the records of one training set."""
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
    """Return the rows by their ids; a plain text is both question and answer."""
    return {
        record["id"]: Row(record["text"], record["text"]) if "text" in record else read_row(record["messages"])
        for record in records
    }


def _skip_shots(messages: list[Turn]) -> list[Turn]:
    """Return a row's turns without the worked example (`one_shot`), if its data set shows one before each question."""
    return messages[-2:] if [turn for turn in messages[:-2] if turn["role"] != "system"] == [*ONE_SHOT] else messages


def _build_matrix(rows: list[list[int]], columns: int) -> sparse.csr_array:
    ends = np.cumsum([0, *map(len, rows)])
    indices = np.array([place for row in rows for place in row], int)
    return sparse.csr_array((np.ones(len(indices), int), indices, ends), shape=(len(rows), columns))


def _compare_sides(rows: Sequence[Row], train: Sequence[Row], masked: bool, held: bool) -> list[Iterator[csr_array]]:
    """Compare questions with questions, and answers with answers."""
    parts = [[[_shingle(row[side], masked) for row in part] for part in (rows, train)] for side in range(2)]
    return [find_pairs(*part, held) for part in parts]


def _shingle(text: str, masked: bool) -> set:
    words = split_words(_NUMBER.sub("0", text) if masked else text)
    return list_ngrams(words, SHINGLE) or ({tuple(words)} if words else set())
