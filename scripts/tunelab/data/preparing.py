"""Read a fetched data set as examples, and describe the prepared splits in a card."""

from typing import TYPE_CHECKING, Any

from tunelab.config.specs.data import PrepareSpec
from tunelab.data.formats import Example, build_examples, find_system, map_columns
from tunelab.data.overlap import find_exact, find_shared
from tunelab.data.splits import build_records
from tunelab.data.turns import count_replies
from tunelab.sources.folders import divide_by_file, render_origin

if TYPE_CHECKING:
    from datasets import Dataset


def read_examples(
    raw: dict[str, "Dataset"], source_card: dict[str, Any], spec: PrepareSpec, dataset: str
) -> dict[str, list[Example]]:
    """Return the examples of each split, read file by file so that messages name the user's own file and row.

    Args:
        source_card: what `fetch_dataset` noted of the data set.

    Raises:
        UserError: if a column is missing, or at the first row that cannot be used.
    """
    examples = {}
    for split, rows in raw.items():
        columns = map_columns(spec, rows.column_names, dataset, render_origin(source_card, split))
        examples[split] = [
            example
            for file, part in divide_by_file(source_card, split, rows.to_list())
            for example in build_examples(part, spec, columns, file)
        ]
    return examples


def build_data_card(
    dataset: str, source_card: dict, spec: PrepareSpec, splits: dict[str, list[Example]], left_out: dict[str, int]
) -> dict[str, Any]:
    """Build the card of a prepared data set: its rows, what was left out, and what test shares with training.

    Args:
        source_card: what `fetch_dataset` noted of the data set.
        left_out: the counts of `draw_splits`.
    """
    return {
        "dataset": dataset,
        "synthetic": source_card["synthetic"],
        "licence": source_card["licence"],
        "rows": {name: len(examples) for name, examples in splits.items()},
        **left_out,
        "several_replies": sum(count_replies(example.messages) > 1 for example in splits["test"]),
        # validation rows count as training rows, because checkpoints are chosen by them
        "overlap": measure_overlap(splits["train"] + splits["validation"], splits["test"]),
        "seed": spec.seed,
        "format": spec.format,
        "system": find_system(spec),
        "examples": build_records(splits["train"])[:3],
    }


def measure_overlap(train: list[Example], test: list[Example]) -> dict[str, int]:
    """Count test rows whose question is in training too, and those that share a 13-gram with a training question.

    Units of an n-gram are words, or characters of Chinese text; a question of fewer than 13 units counts only if it is
    the same in training.
    """
    asked, known = ([example.question for example in examples] for examples in (test, train))
    exact = find_exact(asked, known)
    return {
        "exact": int(exact.sum()),
        "ngram13": int((exact | find_shared(asked, known)).sum()),
        "test_rows": len(test),
    }
