"""Find test questions that are nearly one of the training data.

Near duplicates are those of Lee et al. (2022, section 4.2), a Jaccard similarity of 5-grams of at least 0.8, found here
exactly, by a product of sparse matrices, where they estimate it. A plain text is longer than what it may hold, so of
these it counts how much of a question is in one text (`held`): at least 0.8 of its 5-grams. Units are words, or
characters of Chinese text.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
from scipy import sparse

from tunelab.data.overlap import list_ngrams
from tunelab.words import split_words

SHINGLE, NEAR = 5, 0.8
CHUNK = 256  # test rows that are held against all training rows at a time


def find_near(test: Sequence[str], train: Sequence[str], held: bool = False) -> np.ndarray:
    """Return which test questions share at least NEAR of all their 5-grams with one of `train` (booleans).

    held: whether only their own 5-grams count, and not all of both.
    """
    known = (list_ngrams(split_words(question), SHINGLE) for question in train)
    asked = [list_ngrams(split_words(question), SHINGLE) for question in test]
    return np.concatenate([np.zeros(0, bool), *(pairs.sum(axis=1) > 0 for pairs in find_pairs(asked, known, held))])


def find_pairs(asked: Sequence[set], known: Iterable[set], held: bool = False) -> Iterator[sparse.csr_array]:
    """Yield which sets have a Jaccard similarity of at least NEAR, CHUNK of `asked` by all of `known` at a time.

    held: whether `known` needs but to hold that share of `asked`.
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


def _build_matrix(rows: list[list[int]], columns: int) -> sparse.csr_array:
    ends = np.cumsum([0, *map(len, rows)])
    indices = np.array([place for row in rows for place in row], int)
    return sparse.csr_array((np.ones(len(indices), int), indices, ends), shape=(len(rows), columns))
