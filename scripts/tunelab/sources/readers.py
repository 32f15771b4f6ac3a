"""Read the user's data files: JSON, JSON Lines, CSV, Parquet and plain texts, compressed or not.

Values stay as they are written: cells of a CSV file are texts. A paragraph of a plain text is a row with the one column
`text`. Rows are counted from 1, without CSV's header and without blank lines. A message names file, row and remedy.
"""

import csv
import io
import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tunelab.errors import UserError
from tunelab.sources.packing import (
    HEAD,
    HINTS,
    OPENERS,
    STARTS,
    find_disguise,
    find_format,
    read_content,
    read_text,
)
from tunelab.sources.strict_json import explain_error, load_json
from tunelab.values import describe, list_names, name_type, shorten
from tunelab.words import split_paragraphs

Row = dict[str, Any]


# Arrow's types whose Python values no table takes back
_ODD = re.compile("map<|extension<|month_day_nano")


class Place(NamedTuple):
    """The file, number and line of a row; messages name the line where it differs from the number."""

    file: str
    row: int
    line: int | None = None

    def __str__(self) -> str:
        line = f" (line {self.line})" if self.line not in (None, self.row) else ""
        return f"{self.file}, row {self.row}{line}"


Placed = tuple[Place, Row]


def read_rows(file: Path, key: str, name: str | None = None) -> list[Placed]:
    """Read a file of rows; relative paths count from the current directory.

    Args:
        key: the config key that names it, for messages.
        name: of the file, for messages; by default the path as given.

    Raises:
        UserError: if it cannot be read, or has no rows.
    """
    name = name or str(file)
    try:
        read = find_reader(file, key, name)
        placed = [(place, row) for place, row in read(file, name)] if file.stat().st_size else []
    except OSError as error:
        raise UserError(
            f"{key}: {name!r} cannot be read ({error.strerror}). Check its path and permissions."
        ) from error
    if not placed:
        raise UserError(f"{key}: {name!r} has no rows. Name a file with rows.")
    return placed


def find_reader(file: Path, key: str, name: str) -> Callable[[Path, str], Iterator[Placed]]:
    """Return the reader of a file by its ending, after checking that the file exists and is what the ending says."""
    if not file.exists():
        what = f"leads to {str(file.readlink())!r}, which is not there" if file.is_symlink() else "does not exist"
        raise UserError(f"{key}: {name!r} {what} (looked for in {Path.cwd()}). Correct the path.")
    if not file.is_file():
        raise UserError(f"{key}: {name!r} is no regular file; save the rows as one.")
    reader = READERS.get(find_format(file))
    if not reader:
        hint = HINTS.get(find_format(file), "")
        raise UserError(
            f"{key}: {name!r} has an unknown ending; known are {', '.join(sorted(READERS))}, and each with "
            f"{', '.join(OPENERS)} after it{hint and f'; {hint}'}."
        )
    with open(file, "rb") as content:
        disguise = find_disguise(content.read(HEAD), STARTS.get(file.suffix.lower()))
    if disguise:
        raise UserError(f"{key}: {name!r} {disguise}.")
    return reader


def read_json_array(file: Path, name: str) -> Iterator[Placed]:
    """Yield the objects of a JSON array."""
    try:
        rows = load_json(read_text(file, name), name)
    except json.JSONDecodeError as error:
        raise UserError(f"{name}, line {error.lineno}, column {error.colno}: {explain_error(error)}") from error
    if not isinstance(rows, list):
        fields = f" with the fields {list_names(rows)}" if isinstance(rows, dict) else ""
        raise UserError(
            f"{name}: a .json file must hold an array of objects, and this is {name_type(rows)}{fields}. "
            f"{_tell_remedy(rows)}"
        )
    for number, row in enumerate(rows, 1):
        place = Place(name, number)
        yield place, check_object(row, place)


def _tell_remedy(value: Any) -> str:
    """Say how to save JSON that is no array of objects."""
    inner = list(value.values()) if isinstance(value, dict) else []
    if found := [name for name, part in zip(value, inner, strict=True) if _is_table(part)] if inner else []:
        return f"Save the array in {shorten(found[0])} alone."
    if inner and all(isinstance(part, dict | list) for part in inner):
        return "Its rows are written by columns or keys; save it as records (pandas: to_json(file, orient='records'))."
    return "Put the objects into one array, or name the file .jsonl if every line is an object."


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def read_json_lines(file: Path, name: str) -> Iterator[Placed]:
    """Yield the objects of a file with one per line."""
    text = read_text(file, name)
    if text.lstrip().startswith("["):
        raise UserError(f"{name}: begins with '[' as a JSON array does. Name it .json, or write one object per line.")
    number = 0
    rows = text.rstrip().count("\n") + 1
    # not splitlines(): a text may hold U+2028 and the like, which are no line ends in JSON
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        number += 1
        place = Place(name, number, line)
        try:
            row = load_json(content, str(place))
        except json.JSONDecodeError as error:
            goes_on = line < rows and error.pos >= len(content.rstrip())
            what = explain_error(error, goes_on, line=True)
            raise UserError(f"{name}, line {line}, column {error.colno}: {what}") from error
        yield place, check_object(row, place)


def read_csv(file: Path, name: str) -> Iterator[Placed]:
    """Yield the rows of a CSV file as texts by the names of its header."""
    csv.field_size_limit(2**31 - 1)  # the length of a text is checked when rows are prepared
    lines = csv.reader(io.StringIO(read_text(file, name), newline=""), strict=True)
    header: list[str] = []
    number, start = 0, 1
    try:
        for cells in lines:
            if not header:
                header = check_header(cells, name)
            elif cells:
                number += 1
                place = Place(name, number, start)
                if len(cells) != len(header):
                    raise UserError(
                        f"{place}: the number of cells is {len(cells)} ({list_names(cells)}) and in the header "
                        f"{len(header)} ({list_names(header)}). Put cells that hold a comma in double quotes."
                    )
                yield place, dict(zip(header, cells, strict=True))
            start = lines.line_num + 1
    except csv.Error as error:
        unclosed = "unexpected end" in str(error)
        what = "a double quote is opened and never closed" if unclosed else f"no valid CSV ({error})"
        raise UserError(f'{name}, line {start}: {what}. A double quote in a cell is written twice ("").') from error


def check_header(cells: list[str], name: str) -> list[str]:
    """Return CSV's header; raise `UserError` for names that repeat, or for a separator other than the comma."""
    twice = sorted({cell for cell in cells if cells.count(cell) > 1})
    if twice:
        raise UserError(f"{name}: the header names {list_names(twice)} more than once; rename a column.")
    if len(cells) == 1 and (found := [mark for mark in ";\t|" if mark in cells[0]]):
        raise UserError(
            f"{name}: the header is a single cell, {shorten(cells[0])}, as if cells were separated by {found[0]!r}; "
            "save the file with commas."
        )
    return cells


def read_parquet(file: Path, name: str) -> Iterator[Placed]:
    """Yield the rows of a Parquet file."""
    rows = load_parquet(read_content(file, name), name)
    yield from ((Place(name, number), row) for number, row in enumerate(rows, 1))


def load_parquet(content: bytes, name: str) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file; a map becomes a list of objects with key and value, a UUID its text.

    Raises:
        UserError: if it is no Parquet file, is damaged, or has texts that are no UTF-8.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        names = pyarrow.parquet.read_schema(io.BytesIO(content)).names
        if twice := sorted({column for column in names if names.count(column) > 1}):
            raise UserError(f"{name}: it names {list_names(twice)} more than once; rename a column.")
        table = pyarrow.parquet.read_table(io.BytesIO(content))
        rows = table.to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0].rpartition("'<Buffer>': ")[2][:150].rstrip(".")
        raise UserError(
            f"{name}: no Parquet file, or a damaged one ({reason}). Copy or download it again, or save it anew."
        ) from error
    odd = [field.name for field in table.schema if _ODD.search(str(field.type))]
    return [row | {column: _simplify(row[column]) for column in odd} for row in rows]


def _simplify(value: Any) -> Any:
    if isinstance(value, list):
        return [_simplify(item) for item in value]
    if isinstance(value, tuple):
        return dict(zip(getattr(value, "_fields", ("key", "value")), map(_simplify, value), strict=True))
    if isinstance(value, dict):
        return {name: _simplify(inner) for name, inner in value.items()}
    return str(value) if isinstance(value, uuid.UUID) else value


def read_paragraphs(file: Path, name: str) -> Iterator[Placed]:
    """Yield each paragraph of a plain text as a row with the column `text`."""
    for number, (line, lines) in enumerate(split_paragraphs(read_text(file, name)), 1):
        yield Place(name, number, line), {"text": "\n".join(map(str.rstrip, lines))}


def check_object(row: Any, place: Place) -> Row:
    """Return a row that is an object; raise `UserError` for anything else."""
    if not isinstance(row, dict):
        raise UserError(
            f"{place}: expected an object with named fields, found {describe(row)}. Mend or remove the row."
        )
    return row


READERS = {
    **{".json": read_json_array, ".jsonl": read_json_lines, ".csv": read_csv, ".parquet": read_parquet},
    **dict.fromkeys((".txt", ".md"), read_paragraphs),
}
