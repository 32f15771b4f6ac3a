"""Say which file a fetched row is from, so that sentences about it name the user's own file and row."""

from collections.abc import Iterator
from typing import Any

from tunelab.datacard import render_origin


def divide_by_file(source_card: dict[str, Any], split: str, rows: list[dict]) -> Iterator[tuple[str, list[dict]]]:
    """Yield each file's name with its rows, in order; rows of one file or of none are a single part."""
    start = 0
    for part in source_card.get("file_rows", {}).get(split, ()):
        yield part["file"], rows[start : start + part["rows"]]
        start += part["rows"]
    if not start:
        yield render_origin(source_card, split), rows
