r"""Read JSON by its standard (RFC 8259), and explain what is wrong with a text that is none.

Python's parser accepts what is no JSON (NaN), what loses data (a repeated field) and numbers of any length. Here these
become a `Flaw` in the row, because the parser knows neither row nor field; `columns.check_rows` reports it.
"""

import json
from dataclasses import dataclass
from typing import Any

from tunelab.errors import UserError
from tunelab.values import shorten


@dataclass(frozen=True)
class Flaw:
    """A value that cannot be used, and why."""

    problem: str


def load_json(text: str, place: str) -> Any:
    """Parse a JSON text.

    Args:
        place: file and row, for messages.

    Raises:
        UserError: if arrays and objects are nested too deeply.
        json.JSONDecodeError: if the text is no JSON; `explain_error` explains it.
    """
    try:
        return json.loads(
            text, parse_constant=_refuse_constant, parse_int=_read_integer, object_pairs_hook=_build_object
        )
    except RecursionError:
        raise UserError(f"{place}: the JSON is nested too deeply to be read. Mend or remove the row.") from None


def explain_error(error: json.JSONDecodeError, goes_on: bool = False, line: bool = False) -> str:
    """Say what is wrong with a JSON text, quote the place, and say what helps.

    Args:
        goes_on: whether the text is a line that ends inside a value, and not the file's last one.
        line: whether the text is a line of a file.
    """
    before, after = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip()
    near = shorten(error.doc[max(0, error.pos - 15) : error.pos + 15])
    if error.msg.startswith("Unexpected UTF-8 BOM"):
        return "a byte order mark (U+FEFF) stands there, as where files were joined. Remove it."
    if error.msg == "Extra data" and line:
        return f"something follows after the JSON has ended ({near}). {_separate(error.doc, after)}"
    if error.msg == "Extra data":
        return f"something follows after the JSON has ended ({near}). If every line is an object, name the file .jsonl."
    if goes_on:
        return f"the value goes on after the end of the line ({near}). Write each object on one line."
    if error.msg.startswith("Unterminated string") or not after:
        return f"no valid JSON, it ends in the middle of a value ({near}). Was it copied or downloaded completely?"
    # Python's versions report a superfluous comma at different places
    if (before.endswith(",") and after[0] in "]},") or error.msg.startswith("Illegal trailing comma"):
        return f"no valid JSON at {near}. Remove the comma that no value follows."
    if after[0] == "'":
        return f"no valid JSON at {near}. Put names and texts in double quotes."
    if error.msg.startswith("Invalid control character"):
        return f"no valid JSON at {near}. Write line breaks and tabs inside a text as \\n and \\t."
    return f"no valid JSON at {near} ({error.msg}). Mend it there."


def _separate(line: str, after: str) -> str:
    """Say how to separate an object from what follows it in the line."""
    if "\r" in line.rstrip():
        return "Its lines end with a carriage return alone; save it with the line ends of Unix or Windows."
    return "Remove the comma behind the object." if after == "," else "Write each object on a line of its own."


def _refuse_constant(name: str) -> Flaw:
    return Flaw(f"{name} is no value of JSON; write null, or leave the field out")


def _read_integer(digits: str) -> int | Flaw:
    if len(digits) <= 20:
        return int(digits)
    return Flaw(f"the number {shorten(digits)} is too long to be stored; write it as text in double quotes")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        for name in fields:
            if names.count(name) > 1:
                fields[name] = Flaw(f"it stands {names.count(name)} times in one object; keep one of them")
    return fields
