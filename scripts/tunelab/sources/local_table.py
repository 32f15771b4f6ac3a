"""Take a data set from files of the user's."""

from pathlib import Path

from datasets import Dataset

from tunelab.config.specs.sources import LocalDataset
from tunelab.sources.columns import join_files
from tunelab.sources.readers import Placed, read_rows


def fetch(spec: LocalDataset, key: str, work: Path, folder: Path) -> tuple[dict[str, Dataset], dict]:
    """Return the split "train" and, if there are test files, "test", and what the card is to say."""
    facts = {}
    splits = {"train": join_files(read_files(spec.files, f"{key}.files"), "train", facts)}
    if spec.test_files:
        splits["test"] = join_files(read_files(spec.test_files, f"{key}.test_files"), "test", facts)
    return splits, facts


def read_files(files: tuple[str, ...], key: str) -> list[list[Placed]]:
    return [read_rows(Path(file), key) for file in files]
