"""Find test rows that have a twin in training: a row of nearly the same question, answer, or both.

Near is a Jaccard similarity of 5-grams as in `near_duplicates`; a shorter text is near to one of the same words. Once
with the numbers as they are, so that a twin's answer can be remembered; once with all numbers read as the same, which
finds rows of one template as well: of these the wording can be remembered, and the number cannot.

A plain text is question and answer of its row alike, and a twin of what it holds nearly all of (`held`).
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from tunelab.data.near_duplicates import SHINGLE, find_pairs
from tunelab.data.overlap import list_ngrams
from tunelab.words import split_words

PARTS = ("question", "answer", "both")
NUMBERS = ("kept", "masked")
USUAL_ROWS = 500  # training rows that are held against the others, to tell how usual twins are in the data set
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Row(NamedTuple):
    question: str
    answer: str


def find_twins(test: Sequence[Row], train: Sequence[Row], masked: bool, held: bool = False) -> dict[str, np.ndarray]:
    """Return for each of PARTS which test rows have a twin in it (booleans).

    masked: whether all numbers count as the same one; what is a twin with its numbers stays one. held: whether the
    rows of `train` are plain texts.
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
    """Return how many training rows have a twin in both parts among the others, and how many were looked at."""
    shown = train[:USUAL_ROWS]
    sides = _compare_sides(shown, train, masked, held)
    others = [
        np.asarray(by_question.multiply(by_answer).sum(axis=1)) > 1  # a row is its own twin
        for by_question, by_answer in zip(*sides, strict=True)
    ]
    return int(sum(map(np.sum, others))), len(shown)


def _compare_sides(rows: Sequence[Row], train: Sequence[Row], masked: bool, held: bool) -> list[Iterator[csr_array]]:
    """Compare the questions of rows with those of `train`, and the answers with the answers."""
    parts = [[[_shingle(row[side], masked) for row in part] for part in (rows, train)] for side in range(2)]
    return [find_pairs(*part, held) for part in parts]


def _shingle(text: str, masked: bool) -> set:
    words = split_words(_NUMBER.sub("0", text) if masked else text)
    return list_ngrams(words, SHINGLE) or ({tuple(words)} if words else set())
