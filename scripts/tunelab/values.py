"""Name and shorten values for messages, and tell which texts are blank."""

import reprlib
import unicodedata
from collections.abc import Iterable
from typing import Any

_TYPES = {
    type(None): "nothing",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    bytes: "binary data",
    list: "an array",
    dict: "an object",
}
LISTED = 12  # names in one message
# characters that are invisible although Unicode counts them as letters, marks or symbols
_INVISIBLE = frozenset("\u034f\u115f\u1160\u2800\u3164\ufe0e\ufe0f\uffa0")
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 80
_REPR.maxlist = _REPR.maxdict = 3
_REPR.maxlevel = 3


def name_type(value: Any) -> str:
    """Name a value's type in JSON's words."""
    return _TYPES.get(type(value), f"a value of the type {type(value).__name__}")


def shorten(value: Any) -> str:
    """Render a value as Python would, control characters escaped, in at most 120 characters."""
    text = _REPR.repr(value[:80] if isinstance(value, bytes) else value)
    return cut(text)


def describe(value: Any) -> str:
    """Describe a value that was found: its type, its start and end, and the size of a long text."""
    if value is None:
        return "nothing"
    size = f" of {len(value):,} characters" if isinstance(value, str) and len(value) > 80 else ""
    return f"{name_type(value)}{size} ({shorten(value)})"


def list_names(names: Iterable[Any], room: int = 200, quoted: bool = True, most: int = LISTED) -> str:
    """List the first names and how many more there are, since a table may have a thousand columns.

    Args:
        room: the characters that the listed names may take together.
        quoted: write names as Python would; else as they are in the config, for names without odd characters.
        most: how many names are listed at most.
    """
    written = [shorten(name) if quoted else cut(str(name)) for name in names]
    shown = 0
    while shown < min(len(written), most) and (not shown or sum(map(len, written[: shown + 1])) <= room):
        shown += 1
    more = f" and {len(written) - shown} more" if shown < len(written) else ""
    return ", ".join(written[:shown]) + more


def cut(text: str, most: int = 120) -> str:
    """Cut a text to `most` characters; it ends in dots if it was longer."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def is_blank(text: str) -> bool:
    """Tell whether a text is invisible: white space, control and zero-width characters only."""
    return all(unicodedata.category(c) in ("Cc", "Cf", "Zs", "Zl", "Zp") or c in _INVISIBLE for c in text)


def has_surrogates(text: str) -> bool:
    """Tell whether a text holds half a character (a lone surrogate), which a UTF-8 file cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
