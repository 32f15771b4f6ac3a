"""Find test questions that are nearly one of the training data.

Near duplicates are those of Lee et al. (2022, section 4.2), a Jaccard similarity of 5-grams of at least 0.8, found here
exactly, by a product of sparse matrices, where they estimate it. Units are words, or characters of Chinese text.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from tunelab.data.overlap import list_ngrams
from tunelab.words import split_words

SHINGLE, NEAR = 5, 0.8
CHUNK = 256  # test questions that are held against all training questions at a time


def find_near(test: Sequence[str], train: Sequence[str]) -> np.ndarray:
    """Return which test questions share at least NEAR of all their 5-grams with one of `train` (booleans)."""
    places: dict[tuple[str, ...], int] = {}
    known, asked = (_place_ngrams(questions, places) for questions in (train, test))
    columns, near = len(places), np.zeros(len(test), bool)
    known, asked = _build_matrix(known, columns), _build_matrix(asked, columns)
    for start in range(0, len(test), CHUNK):
        part = asked[start : start + CHUNK]
        shared = (part @ known.T).tocoo()
        union = np.diff(part.indptr)[shared.row] + np.diff(known.indptr)[shared.col] - shared.data
        near[start + shared.row[shared.data >= NEAR * union]] = True
    return near


def _place_ngrams(questions: Sequence[str], places: dict[tuple[str, ...], int]) -> list[list[int]]:
    """List each question's 5-grams by their places, giving new ones the next."""
    ngrams = (list_ngrams(split_words(question), SHINGLE) for question in questions)
    return [[places.setdefault(ngram, len(places)) for ngram in row] for row in ngrams]


def _build_matrix(rows: list[list[int]], columns: int) -> sparse.csr_array:
    ends = np.cumsum([0, *map(len, rows)])
    indices = np.array([place for row in rows for place in row], int)
    return sparse.csr_array((np.ones(len(indices), int), indices, ends), shape=(len(rows), columns))
