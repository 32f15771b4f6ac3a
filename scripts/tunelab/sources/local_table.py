"""Read a data set from files of the user, or from folders of files."""

import os
from pathlib import Path

from datasets import Dataset

from tunelab.config.specs.sources import LocalDataset
from tunelab.sources.columns import join_files
from tunelab.sources.packing import list_shards
from tunelab.sources.readers import Placed, read_rows


def fetch(spec: LocalDataset, key: str, work: Path, folder: Path) -> tuple[dict[str, Dataset], dict]:
    """Return the splits "train" and, if there are test files, "test"; and facts for the card."""
    facts = {}
    splits = {"train": join_files(read_files(spec.files, f"{key}.files"), "train", facts)}
    if spec.test_files:
        splits["test"] = join_files(read_files(spec.test_files, f"{key}.test_files"), "test", facts)
    return splits, facts


def read_files(files: tuple[str, ...], key: str) -> list[list[Placed]]:
    """Return the rows of each file, and of each file in a folder."""
    found = []
    for file in map(Path, files):
        shards = list_shards(file, key, str(file)) if os.path.isdir(file) else [file]
        found += [read_rows(shard, key) for shard in shards]
    return found
