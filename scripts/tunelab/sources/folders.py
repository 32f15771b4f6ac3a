"""Write folders of fetched models and data sets with their cards, and tell which file a fetched row is from."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.values import list_names


@contextlib.contextmanager
def complete_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill, which becomes `folder` if the block ends well, and is deleted if it fails."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    except BaseException:
        shutil.rmtree(part)
        raise
    if folder.exists():
        shutil.rmtree(folder)
    part.replace(folder)


def write_card(card: Path, folder: Path, facts: dict) -> None:
    """Write a card with `facts` and the hash of every file in `folder`; without times, so that it is reproducible."""
    files = records.build_manifest(folder)
    records.write_json(card, facts | {"files": files, "bytes": sum(file["bytes"] for file in files)})


def divide_by_file(source_card: dict[str, Any], split: str, rows: list[dict]) -> Iterator[tuple[str, list[dict]]]:
    """Yield each file's name with its rows, in order, so that messages name the user's own file and row."""
    start = 0
    for part in source_card.get("file_rows", {}).get(split, ()):
        yield part["file"], rows[start : start + part["rows"]]
        start += part["rows"]
    if not start:
        yield render_origin(source_card, split), rows


def render_origin(source_card: dict, split: str) -> str:
    """Name the file or files that a split's rows are from, for messages."""
    source = source_card["source"]
    files = source.get("test_files" if split == "test" else "files") or ()
    if len(files) == 1:
        return files[0]
    together = f" ({list_names(files, quoted=False)} taken together)" if files else ""
    return f"Data set {source_card['dataset']}, split {split}{together}"
