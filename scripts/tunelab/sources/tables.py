"""Fetch a data set from any source, save it as `datasets` does, and write its card.

Each source is a module of its own, `<source>_table`, that is imported by name: a stage depends on the code of the
source that it uses and of no other (the rule names it among the stage's facts).

Two fetches of the same source give the same bytes: what `datasets` notes about its own cache (file times in the
fingerprint, details of the build) is left out, and the fingerprint follows from the rows.
"""

import hashlib
import json
from importlib import import_module
from pathlib import Path

from datasets import Dataset, DatasetDict, DatasetInfo

from tunelab.config.specs.sources import DatasetSource, GeneratedDataset
from tunelab.sources.folders import whole_folder, write_card


def fetch_dataset(dataset: str, spec: DatasetSource, work: Path, folder: Path, card: Path) -> None:
    """Save the data set named `dataset` in the config to `folder`, then write `card`.

    What the Hub sends is kept under `work`, so that an interrupted download goes on where it stopped.
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
    with whole_folder(folder) as part:
        DatasetDict({name: strip_history(split) for name, split in splits.items()}).save_to_disk(part)
    write_card(card, folder, facts)


def strip_history(split: Dataset) -> Dataset:
    """Keep the rows and their types only, under a fingerprint that follows from them."""
    digest = hashlib.sha256()
    for row in split:
        digest.update(json.dumps(row, ensure_ascii=False, default=str).encode())
    return Dataset(split.data, info=DatasetInfo(features=split.features), fingerprint=digest.hexdigest()[:16])
