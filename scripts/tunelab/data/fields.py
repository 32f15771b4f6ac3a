"""Check single fields of a row, and say what was expected of one that cannot be used."""

import math
from typing import Any

from tunelab.values import is_blank

# some 250,000 tokens: no model here takes as many, so a longer text is a mistake (two files in one, a lost quote)
LONGEST_TEXT = 1_000_000


class BadField(Exception):
    """Carry a field's name, what it should hold and what it holds to the caller, who knows the row."""

    def __init__(self, field: str, expected: str, found: Any) -> None:
        super().__init__(field, expected, found)
        self.field, self.expected, self.found = field, expected, found


def check_text(value: Any, field: str) -> str:
    """Return a value that is a text; raise `BadField` if it is none, is blank or is too long."""
    if not isinstance(value, str) or is_blank(value):
        raise BadField(field, "text that is not blank", value)
    if len(value) > LONGEST_TEXT:
        raise BadField(field, f"text of at most {LONGEST_TEXT:,} characters", value)
    return value


def is_absent(value: Any) -> bool:
    """Tell whether an optional field counts as left out: it is null, a blank text or an empty list."""
    return value is None or value == [] or (isinstance(value, str) and is_blank(value))


def keep_columns(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the columns of `prepare.keep`; raise `BadField` for a value that JSON cannot hold."""
    kept = {name: row[name] for name in names}
    for name, value in kept.items():
        if not _fits_json(value):
            raise BadField(name, "text, a number, true, false, nothing, or lists and objects of these", value)
    return kept


def _fits_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_fits_json, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _fits_json(part) for name, part in value.items())
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | bool | int)
