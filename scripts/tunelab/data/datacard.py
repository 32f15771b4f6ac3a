"""Describe a prepared data set: how many rows, how many repeats, and what test shares with training.

Overlap is measured on the rows as they were written, by equal questions and by shared 13-grams (Brown et al. 2020,
appendix C). Validation rows count as training rows, because checkpoints are chosen by them.
"""

from typing import Any

from tunelab.config.specs.data import PrepareSpec
from tunelab.data.formats import Example, find_system
from tunelab.data.splits import build_records, fold_question
from tunelab.data.turns import count_replies
from tunelab.words import split_words

NGRAM = 13


def build_data_card(
    dataset: str, source_card: dict, spec: PrepareSpec, splits: dict[str, list[Example]], left_out: dict[str, int]
) -> dict[str, Any]:
    """Build the card; `source_card` was written when the data set was fetched, `left_out` when it was split."""
    return {
        "dataset": dataset,
        "synthetic": source_card["synthetic"],
        "licence": source_card["licence"],
        "rows": {name: len(examples) for name, examples in splits.items()},
        **left_out,
        "several_replies": sum(count_replies(example.messages) > 1 for example in splits["test"]),
        "overlap": measure_overlap(splits["train"] + splits["validation"], splits["test"]),
        "seed": spec.seed,
        "format": spec.format,
        "system": find_system(spec),
        "examples": build_records(splits["train"])[:3],
    }


def measure_overlap(train: list[Example], test: list[Example]) -> dict[str, int]:
    """Count test rows whose question stands in training as it is, and those that share at least a 13-gram with it.

    An n-gram's units are words, or characters of Chinese text; a question under 13 units can only match as a whole.
    """
    known = {fold_question(example.question) for example in train}
    known_ngrams = {ngram for example in train for ngram in _build_ngrams(example.question)}
    exact = [fold_question(example.question) in known for example in test]
    shared = [not known_ngrams.isdisjoint(_build_ngrams(example.question)) for example in test]
    either = [same or part for same, part in zip(exact, shared, strict=True)]
    return {"exact": sum(exact), "ngram13": sum(either), "test_rows": len(test)}


def _build_ngrams(text: str) -> set[tuple[str, ...]]:
    words = split_words(text)
    return {tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)}
