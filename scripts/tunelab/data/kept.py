"""Columns that are kept for the user's own rewards and metrics, as JSON has them."""

import math
from typing import Any

from tunelab.data.fields import BadField


def keep_columns(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the columns of a row that are to be kept; raises `BadField` for what JSON cannot hold."""
    kept = {name: row[name] for name in names}
    for name, value in kept.items():
        if not _is_plain(value):
            raise BadField(name, "text, a number, true, false, nothing, or lists and objects of these", value)
    return kept


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(part) for name, part in value.items())
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | bool | int)
