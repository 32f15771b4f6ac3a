"""Fetch a data set from any source, save it as `datasets` does, and write its card.

Each source is a module of its own, `<source>_table`, that is imported by its name, so that a stage depends on the code
of its own source alone (the rule lists it among the stage's facts).

Two fetches of the same source give the same bytes: what `datasets` notes of its own cache (file times in the
fingerprint, details of the build) is left out, and the fingerprint is computed from the rows.
"""

import hashlib
import json
from importlib import import_module
from pathlib import Path

from datasets import Dataset, DatasetDict, DatasetInfo

from tunelab.config.specs.sources import DatasetSource, GeneratedDataset
from tunelab.sources.folders import complete_folder, write_card


def fetch_dataset(dataset: str, spec: DatasetSource, work: Path, folder: Path, card: Path) -> None:
    """Save a data set to `folder`, then write `card`.

    Args:
        dataset: its name in the config.
        work: where downloads are kept, so that an interrupted one continues where it stopped.
    """
    facts = {
        "dataset": dataset,
        "source": spec.model_dump(mode="json"),
        "revision": None,
        "licence": getattr(spec, "licence", None),
        "synthetic": isinstance(spec, GeneratedDataset),
    }
    source = import_module(f"tunelab.sources.{spec.source}_table")
    splits, found = source.fetch(spec, f"datasets.{dataset}.fetch", work, folder)
    facts |= found
    facts["rows"] = {"train": len(splits["train"]), "test": len(splits["test"]) if "test" in splits else None}
    facts["columns"] = splits["train"].column_names
    with complete_folder(folder) as part:
        DatasetDict({name: strip_history(split) for name, split in splits.items()}).save_to_disk(part)
    write_card(card, folder, facts)


def strip_history(split: Dataset) -> Dataset:
    """Return a split with its rows and types alone, and a fingerprint computed from the rows."""
    digest = hashlib.sha256()
    for row in split:
        digest.update(json.dumps(row, ensure_ascii=False, default=str).encode())
    return Dataset(split.data, info=DatasetInfo(features=split.features), fingerprint=digest.hexdigest()[:16])
