"""Divide a data set's examples into train, validation and test, once for all methods.

Examples are ordered by a hash of the seed and the question. So the split does not depend on the order of the file, rows
with the same question stay in one split, and a larger `limit` keeps the test questions of a smaller one if `test` is a
number.
"""

import hashlib
import json
from collections import Counter
from itertools import groupby

from tunelab.config.formats import FORMATS
from tunelab.config.specs.data import PrepareSpec
from tunelab.data.formats import Example
from tunelab.errors import UserError
from tunelab.values import list_names
from tunelab.words import compose


def draw_splits(
    source: list[Example], source_test: list[Example] | None, spec: PrepareSpec, dataset: str
) -> tuple[dict[str, list[Example]], dict[str, int]]:
    """Draw the three splits, and count the rows that are left out.

    Shares are of the rows that remain after `limit`; with a test split of the source's own, the share `test` is of
    that. Validation rows come from the training rows. Plain texts have no test rows.

    Args:
        source, source_test: the examples, and those of the source's own test split if it has one.
        dataset: its name in the config, for messages.

    Returns:
        The splits, and the counts: `duplicates` (rows that repeat an earlier one word by word), `left_out_in_test`
        (training rows whose question is in the source's test split too) and, of preferences, `unwanted` (validation
        and test rows whose answer is labelled false, and so is no reference).

    Raises:
        UserError: if a split has no rows.
    """
    rows = len(source) + len(source_test or ())
    source, repeated = drop_repeats(source)
    left_out = {"duplicates": repeated, "left_out_in_test": 0}
    if source_test is not None:
        source_test, repeated = drop_repeats(source_test)
        left_out["duplicates"] += repeated
        asked = {fold_question(example.question) for example in source_test}
        kept = [example for example in source if fold_question(example.question) not in asked]
        left_out["left_out_in_test"], source = len(source) - len(kept), kept
    ordered = _order_by_seed(source, spec.seed)[: spec.limit]
    if source_test is None:
        test, rest = _take(ordered, _count(spec.held_out, len(ordered)))
    else:
        test, rest = _order_by_seed(source_test, spec.seed)[: _count(spec.held_out, len(source_test))], ordered
    validation, train = _take(rest, _count(spec.validation, len(ordered)))
    splits = {"train": train, "validation": validation, "test": test}
    if FORMATS[spec.format].rows == "preferences":
        left_out["unwanted"] = _leave_out_unwanted(splits)
    _check_filled(splits, spec, dataset, rows, left_out)
    return splits, left_out


def drop_repeats(examples: list[Example]) -> tuple[list[Example], int]:
    """Keep the first of equal rows, and count the others; different answers to one question are all kept."""
    first: dict[str, Example] = {}
    for example in examples:
        first.setdefault(json.dumps(example.list_parts()), example)
    return list(first.values()), len(examples) - len(first)


def build_records(examples: list[Example]) -> list[dict]:
    """Build the records of one split, each with an id from its question: `1f0c…`, and `1f0c…-2` for a repeat."""
    seen: Counter[str] = Counter()
    records = []
    for example in examples:
        identifier = hashlib.sha256(json.dumps(example.question).encode()).hexdigest()[:12]
        seen[identifier] += 1
        suffix = f"-{seen[identifier]}" if seen[identifier] > 1 else ""
        records.append(example.build_record(identifier + suffix))
    return records


def fold_question(question: str) -> str:
    """Return the form by which questions are compared: white space evened out, accents composed."""
    return " ".join(compose(question).split())


def _order_by_seed(examples: list[Example], seed: int) -> list[Example]:
    """Sort examples by the hash of seed and question, and those of one question by their texts."""

    def find_place(example: Example) -> tuple[str, str]:
        place = hashlib.sha256(f"{seed}:{fold_question(example.question)}".encode()).hexdigest()
        return place, json.dumps(example.list_parts())

    return sorted(examples, key=find_place)


def _take(ordered: list[Example], wanted: int) -> tuple[list[Example], list[Example]]:
    """Divide ordered examples into `wanted` taken ones and the rest; questions with too many rows are passed over."""
    taken: list[Example] = []
    rest: list[Example] = []
    for _, rows in groupby(ordered, key=lambda example: fold_question(example.question)):
        group = list(rows)
        (taken if len(taken) + len(group) <= wanted else rest).extend(group)
    return taken, rest


def _count(wanted: float | int, rows: int) -> int:
    """Return the number of rows of a share (a float; at least one row), or of a number (an int)."""
    return wanted if isinstance(wanted, int) else max(1, round(wanted * rows))


def _leave_out_unwanted(splits: dict[str, list[Example]]) -> int:
    """Take rows with a false label out of validation and test, in place; return how many they were."""
    before = sum(map(len, splits.values()))
    for name in ("validation", "test"):
        splits[name] = [example for example in splits[name] if example.label is not False]
    return before - sum(map(len, splits.values()))


def _check_filled(
    splits: dict[str, list[Example]], spec: PrepareSpec, dataset: str, rows: int, left_out: dict[str, int]
) -> None:
    """Raise `UserError` if a split has no rows, and say where the rows went."""
    sizes = {name: len(examples) for name, examples in splits.items()}
    empty = [name for name, size in sizes.items() if size == 0 and (name != "test" or spec.held_out)]
    if not empty:
        return
    key = f"datasets.{dataset}.prepare"
    given = {"limit": spec.limit, "validation": spec.validation, "test": spec.held_out}
    asked = ", ".join(f"{name} {value}" for name, value in given.items() if value)
    changed = [f"{key}.{name}" for name in ("test", "validation") if given[name]]
    found = ", ".join(f"{name} {size}" for name, size in sizes.items())
    questions = Counter(fold_question(example.question) for split in splits.values() for example in split)
    reasons = {
        "repeated": left_out["duplicates"],
        "asked in the source's test rows as well": left_out["left_out_in_test"],
        "of validation and test labelled false, so no reference": left_out.get("unwanted", 0),
        "with one question, so kept together": max(questions.values()) if max(questions.values()) > 1 else 0,
    }
    told = ", ".join(f"{number} {reason}" for reason, number in reasons.items() if number)
    why = f" ({told})" if told else ""
    raise UserError(
        f"{key}: no rows remain for {' and '.join(empty)}. Rows: {rows}{why}; {asked} give {found}. "
        f"Change {list_names(changed, quoted=False)} or {key}.limit, or bring more rows."
    )
