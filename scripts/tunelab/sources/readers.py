"""Read the user's data files, and say in words what is wrong with them, and in which row.

Values stay as they are written: a CSV file has only text, and nothing is guessed from it.
"""

import csv
import io
import json
from pathlib import Path
from typing import Any

from tunelab.errors import UserError

Row = dict[str, Any]


def read_rows(file: Path, key: str) -> list[Row]:
    """Read a json, jsonl, csv or parquet file; relative paths count from the current directory."""
    if not file.exists():
        raise UserError(f"{key}: there is no file {str(file)!r} (looked for in {Path.cwd()}).")
    if file.is_dir():
        raise UserError(f"{key}: {str(file)!r} is a folder; name the file in it.")
    reader = READERS.get(file.suffix.lower())
    if not reader:
        raise UserError(f"{key}: {str(file)!r} has an unknown ending; known are {', '.join(sorted(READERS))}.")
    rows = reader(file) if file.stat().st_size else []
    if not rows:
        raise UserError(f"{key}: {str(file)!r} has no rows.")
    return rows


def read_text(file: Path) -> str:
    """Read UTF-8, with or without the byte order mark that Windows programs put first."""
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise UserError(f"{file}: line {line} is not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8.") from error


def read_json_array(file: Path) -> list[Row]:
    try:
        rows = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        hint = " It looks like JSON Lines: name it .jsonl." if error.msg == "Extra data" else ""
        raise UserError(
            f"{file}: no valid JSON at line {error.lineno}, column {error.colno} ({error.msg}).{hint}"
        ) from error
    if not isinstance(rows, list):
        raise UserError(f"{file}: a .json file must hold an array of objects, not {name_type(rows)}.")
    for number, row in enumerate(rows, 1):
        check_object(row, f"{file}: row {number}")
    return rows


def read_json_lines(file: Path) -> list[Row]:
    rows = []
    # Not splitlines(): a sentence may hold U+2028 and the like, which are no ends of lines in JSON.
    for number, line in enumerate(read_text(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{file}: line {number} is no valid JSON ({error.msg}, column {error.colno}).") from error
        check_object(row, f"{file}: line {number}")
        rows.append(row)
    return rows


def read_csv(file: Path) -> list[Row]:
    lines = csv.reader(io.StringIO(read_text(file), newline=""), strict=True)
    rows = []
    try:
        header = next(lines)
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise UserError(f"{file}: the header names {', '.join(map(repr, twice))} more than once; rename a column.")
        for cells in lines:
            if len(cells) != len(header) and cells:
                raise UserError(
                    f"{file}: the row ending at line {lines.line_num} has {len(cells)} cells and the header "
                    f"{len(header)} ({', '.join(header)}); put cells that hold a comma in double quotes."
                )
            if cells:
                rows.append(dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise UserError(f"{file}: line {lines.line_num} is no valid CSV ({error}).") from error
    return rows


def read_parquet(file: Path) -> list[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(file).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise UserError(f"{file}: this is no Parquet file ({error}).") from error


def check_object(row: Any, place: str) -> None:
    if not isinstance(row, dict):
        raise UserError(f"{place} must be an object with named fields, not {name_type(row)}.")


def name_type(value: Any) -> str:
    names = {list: "an array", dict: "an object", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


READERS = {".json": read_json_array, ".jsonl": read_json_lines, ".csv": read_csv, ".parquet": read_parquet}
