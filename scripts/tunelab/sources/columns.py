"""Make a table of rows, and name the first row and field that cannot be stored.

A table holds one kind of value per column, nested columns included. Arrow itself does not say which row it refuses.
"""

import bisect
from typing import Any

import pyarrow
from datasets import Dataset

from tunelab.errors import UserError
from tunelab.sources.readers import Place, Placed
from tunelab.sources.strict_json import Flaw
from tunelab.values import describe, has_surrogates, name_type, shorten

DEEPEST = 32  # levels of nesting; Arrow's files take 64 of its own, which may be two for one of ours
Kinds = dict[str, tuple[str, Place]]


def build_table(placed: list[Placed]) -> Dataset:
    """Make a table of rows that may lack fields.

    Raises:
        UserError: for a row that cannot be stored, or when no row has a field.
    """
    check_rows(placed)
    names = dict.fromkeys(name for _, row in placed for name in row)
    if not names:
        raise UserError(f"{placed[0][0]}: neither this row nor any other has a field. Give every row its fields.")
    columns = {name: [row.get(name) for _, row in placed] for name in names}
    try:
        return Dataset.from_dict(columns)
    except (pyarrow.ArrowException, OverflowError):
        name, number = find_misfit(columns)
        place, row = placed[number]
        raise UserError(
            f"{place}, field {shorten(name)}: {describe(row[name])} cannot be stored in one column with the rows "
            "before. Write the field as text in every row, or leave it out."
        ) from None


def join_files(files: list[list[Placed]], split: str, facts: dict[str, Any]) -> Dataset:
    """Make one table of the rows of one or more files.

    With several files, their numbers of rows are noted in `facts["file_rows"]`, so that later messages can name file
    and row.
    """
    if len(files) > 1:
        counts = [{"file": placed[0][0].file, "rows": len(placed)} for placed in files]
        facts.setdefault("file_rows", {})[split] = counts
    return build_table([item for placed in files for item in placed])


def find_misfit(columns: dict[str, list]) -> tuple[str, int]:
    """Return the first column that cannot be stored, and the index of the first row with which it cannot."""
    name, values = next((name, values) for name, values in columns.items() if not _fits(values))
    return name, bisect.bisect_left(range(len(values)), True, key=lambda index: not _fits(values[: index + 1]))


def _fits(values: list) -> bool:
    try:
        Dataset.from_dict({"values": values})
    except (pyarrow.ArrowException, OverflowError):
        return False
    return True


def check_rows(placed: list[Placed]) -> None:
    """Raise `UserError` at the first value that no table can hold, or whose kind differs from that of its column."""
    kinds: Kinds = {}
    for place, row in placed:
        for name, value in row.items():
            _check_name(name, place)
            _check_value(value, name, place, kinds, depth=1)


def _check_value(value: Any, path: str, place: Place, kinds: Kinds, depth: int) -> None:
    if value is None:
        return
    kind = name_type(value)
    known, first = kinds.setdefault(path, (kind, place))
    if isinstance(value, Flaw):
        raise _refuse(place, path, value.problem)
    if kind != known:
        raise _refuse(
            place,
            path,
            f"{describe(value)}, but {known} in {first}. Write it the same way everywhere, or leave the field out",
        )
    if depth > DEEPEST:
        raise _refuse(place, path, f"nested more than {DEEPEST} deep, which cannot be stored. Leave the field out")
    if isinstance(value, str):
        if has_surrogates(value):
            raise _refuse(place, path, f"half a character (a lone surrogate) in {shorten(value)}. Write it whole")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            problem = f"the number {shorten(value)} is beyond the 64 bits of a signed number"
            raise _refuse(place, path, f"{problem}. Write it as text, or leave the field out")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_name(name, place)
            _check_value(inner, f"{path}.{name}", place, kinds, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_value(inner, f"{path}[]", place, kinds, depth + 1)


def _check_name(name: str, place: Place) -> None:
    if has_surrogates(name):
        raise UserError(f"{place}: the field name {shorten(name)} holds half a character. Rename the field.")


def _refuse(place: Place, path: str, problem: str) -> UserError:
    return UserError(f"{place}, field {shorten(path)}: {problem}.")
