"""Find test questions that are in training data, as they are or in part.

Units of n-grams are words, or characters of Chinese text. Shared 13-grams follow Brown et al. (2020, appendix C); a
shorter question counts only if it is the same. A plain text contains a question if all of its words are there in a row.
"""

from collections.abc import Sequence

import numpy as np

from tunelab.data.splits import fold_question
from tunelab.words import split_words

NGRAM = 13
TELLING = 5  # words that a question must have to be looked for in texts; fewer may be there by chance


def find_exact(test: Sequence[str], train: Sequence[str]) -> np.ndarray:
    """Return which test questions are in `train` too, whatever their white space and form of accents (booleans)."""
    known = {fold_question(question) for question in train}
    return np.array([fold_question(question) in known for question in test], bool)


def find_held(test: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """Return which test questions equal one of `texts`, or are contained in one (booleans)."""
    found, asked = find_exact(test, texts), [_spell(question) for question in test]
    begun: dict[tuple[str, ...], list[int]] = {}
    for place, words in enumerate(asked):
        begun.setdefault(tuple(words.split()[:TELLING]), []).append(place)
    for text in map(_spell, texts):
        for begin in begun.keys() & list_ngrams(text.split(), TELLING):
            for place in begun[begin]:
                found[place] |= asked[place] in text
    return found


def find_shared(test: Sequence[str], train: Sequence[str]) -> np.ndarray:
    """Return which test questions share an n-gram of NGRAM units with one of `train` (booleans)."""
    asked = [list_ngrams(split_words(question), NGRAM) for question in test]
    wanted = set().union(*asked)
    known = {ngram for question in train for ngram in wanted & list_ngrams(split_words(question), NGRAM)}
    return np.array([not known.isdisjoint(ngrams) for ngrams in asked], bool)


def list_ngrams(words: list[str], n: int) -> set[tuple[str, ...]]:
    """Return the distinct n-grams of a list of words."""
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def _spell(text: str) -> str:
    """Return the words of a text with a space before and behind each."""
    return f" {' '.join(split_words(text))} "
