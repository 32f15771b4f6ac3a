"""Make a data set of arithmetic problems."""

from pathlib import Path

from datasets import Dataset

from tunelab.config.specs.sources import GeneratedDataset
from tunelab.sources.arithmetic import generate_problems


def fetch(spec: GeneratedDataset, key: str, work: Path, folder: Path) -> tuple[dict[str, Dataset], dict]:
    """Return the splits "train" and "test"."""
    train, test = generate_problems(spec, key)
    return {"train": Dataset.from_list(train), "test": Dataset.from_list(test)}, {}
