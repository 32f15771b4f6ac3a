"""Check single fields of a row, and say what was expected of one that cannot be used."""

from typing import Any

from tunelab.values import is_blank

# some 250,000 tokens: no model here takes as many, so a longer text is a mistake (two files in one, a lost quote)
LONGEST_TEXT = 1_000_000


class BadField(Exception):
    """Carry a field, what it should hold and what it holds up to where the row is known."""

    def __init__(self, field: str, expected: str, found: Any) -> None:
        super().__init__(field, expected, found)
        self.field, self.expected, self.found = field, expected, found


def check_text(value: Any, field: str) -> str:
    if not isinstance(value, str) or is_blank(value):
        raise BadField(field, "text that is not blank", value)
    if len(value) > LONGEST_TEXT:
        raise BadField(field, f"text of at most {LONGEST_TEXT:,} characters", value)
    return value


def is_absent(value: Any) -> bool:
    """Say whether a field that may be left out is: null, a blank text, or an empty list."""
    return value is None or value == [] or (isinstance(value, str) and is_blank(value))
