"""Find test questions that stand in training data, as they are or in part.

Units are words, or characters of Chinese text. Shared runs of 13 units follow Brown et al. (2020, appendix C); a
question of fewer units can only be the same as a whole.
"""

from collections.abc import Sequence

import numpy as np

from tunelab.data.splits import fold_question
from tunelab.words import split_words

NGRAM = 13


def find_exact(test: Sequence[str], train: Sequence[str]) -> np.ndarray:
    """Return which test questions are one of `train`, but for white space and the form of accents (booleans)."""
    known = {fold_question(question) for question in train}
    return np.array([fold_question(question) in known for question in test], bool)


def find_shared(test: Sequence[str], train: Sequence[str]) -> np.ndarray:
    """Return which test questions share NGRAM units in a row with one of `train` (booleans)."""
    known = {ngram for question in train for ngram in list_ngrams(split_words(question), NGRAM)}
    return np.array([not known.isdisjoint(list_ngrams(split_words(question), NGRAM)) for question in test], bool)


def list_ngrams(words: list[str], n: int) -> set[tuple[str, ...]]:
    """List each run of n words once."""
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}
