"""Read a file of any tool's answers and points item by item; its content tells whose it is, never its name.

A file of rows is told by its first row, a document by its fields.
"""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from tunelab.errors import UserError
from tunelab.files import explain_forbidden
from tunelab.logs import evalscope, every_eval, inspect_ai, lighteval, lm_eval, opencompass, plain
from tunelab.logs.log import Log
from tunelab.logs.opening import Placed, check_object, read_document, read_lines, read_rows
from tunelab.values import list_names

ROWS = (lm_eval, evalscope, every_eval)
DOCUMENTS = (inspect_ai, opencompass)
# fields of files that tools write besides, what such a file is, and which one to name instead
BESIDE = (
    (("results", "n-shot"), "lm-eval's summary", "samples_<task>_<time>.jsonl beside it, written with --log_samples"),
    (
        ("results", "config_general"),
        "lighteval's summary",
        "details/<model>/<time>/details_<task>_<time>.parquet, written with --save-details",
    ),
    (("index", "model_output"), "EvalScope's file of predictions", "the file of its name in reviews/"),
    (("dataset_name", "model_name", "metrics"), "EvalScope's report", "reviews/<model>/<benchmark>_<subset>.jsonl"),
    (("evaluation_results", "schema_version"), "every-eval-ever's summary", "<uuid>_samples.jsonl beside it"),
    (("0",), "OpenCompass's file of predictions", "the file of its name in results/, written with --dump-eval-details"),
)
KNOWN = (
    "samples_*.jsonl of lm-eval (--log_samples), .eval or .json of Inspect, reviews/*.jsonl of EvalScope, "
    "details_*.parquet of lighteval (--save-details), results/*.json of OpenCompass (--dump-eval-details), "
    "*_samples.jsonl of every-eval-ever, and JSON Lines or CSV with a column `id` and columns of points"
)


def read_logs(path: Path) -> list[Log]:
    """Read the logs in a file, one for each task and filter.

    Raises:
        UserError: if the file is no log, or is damaged or incomplete.
    """
    path = Path(path)
    try:
        return _read(path)
    except PermissionError as error:
        raise UserError(explain_forbidden(path, str(error.strerror))) from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} begins like a log of a known kind, and then lacks a field, or holds another kind of value than "
            f"the tool writes ({type(error).__name__}: {error}). Was it changed, or written by a very old version?"
        ) from error


def _read(path: Path) -> list[Log]:
    if path.is_dir():
        raise UserError(f"{path} is a folder. Name the files in it.\nKnown are {KNOWN}.")
    if not path.is_file():
        raise UserError(f"{path} does not exist (looked for in {Path.cwd()}). Correct the path.")
    with open(path, "rb") as file:
        head = file.read(4)
    if head == b"PK\x03\x04":
        return inspect_ai.read_archive(path)
    if head == b"PAR1":
        return lighteval.read(path)
    return _read_text(path)


def _read_text(path: Path) -> list[Log]:
    _, first = next(read_lines(path), (0, ""))
    if not first:
        raise UserError(f"{path} is empty. Was it copied or downloaded completely?")
    if first.lstrip()[0] not in "{[":
        if not any(comma in first for comma in ",;\t"):
            raise UserError(f"{path} is no log: its first line is neither JSON nor CSV.\nKnown are {KNOWN}.")
        return plain.read_table(path)
    value = _parse(first) or read_document(path)
    if isinstance(value, list):
        rows = ((f"{path}, item {number}", row) for number, row in enumerate(value, 1))
        return _read_rows(path, ((place, check_object(row, place)) for place, row in rows))
    for reader in DOCUMENTS:
        if reader.matches(value):
            return reader.read(path, value)
    _refuse_others(path, value)
    return _read_rows(path, read_rows(path))


def _parse(line: str) -> Any:
    """Return the object that is alone on a line, or None."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):  # what is wrong is explained where the file is read
        return None


def _read_rows(path: Path, rows: Iterable[Placed]) -> list[Log]:
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return plain.read(path, rows)
    reader = next((reader for reader in ROWS if reader.matches(first[1])), plain)
    return reader.read(path, chain([first], rows))


def _refuse_others(path: Path, value: dict) -> None:
    for fields, what, instead in BESIDE:
        if set(fields) <= value.keys() and plain.IDS[0] not in value:
            raise UserError(f"{path} is {what}, which has no points of single items. Name {instead}.")
    if not any(name in value for name in plain.IDS) and not any(reader.matches(value) for reader in ROWS):
        raise UserError(f"{path} is no log of a known kind (its fields are {list_names(value)}).\nKnown are {KNOWN}.")
