"""Look at the data of a first study: where it lies, its format, whether every row can be used, how it divides."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tunelab.config.specs.data import PrepareSpec
from tunelab.config.specs.sources import LocalDataset
from tunelab.data.formats import Example
from tunelab.data.preparing import read_examples
from tunelab.data.splits import build_records, draw_splits
from tunelab.errors import UserError
from tunelab.upkeep.new_study.columns import Guess, guess_format
from tunelab.upkeep.new_study.licences import find_licence

# rows that are held out of small and large files: enough to tell runs apart, and answered in minutes
MOST = {"test": 100, "validation": 40}
SHARE = 0.1


class Data(NamedTuple):
    """What a study is told of its data, and the rows as they will be divided."""

    source: LocalDataset
    guess: Guess
    prepare: PrepareSpec
    rows: int
    splits: dict[str, list[Example]]

    def list_records(self, split: str) -> list[dict]:
        return build_records(self.splits[split])

    @property
    def preferences(self) -> str | None:
        """The method that learns from the rows' preferences, if they are any."""
        if self.guess.format != "preference":
            return None
        return "kto" if "label" in self.list_records("train")[0] else "dpo"


def look_at_rows(named: str, dataset: str) -> Data:
    """Read the data that `DATA` names as the study will read it.

    dataset: its name in the config, for sentences.

    Raises:
        UserError: if it cannot be read, if a row cannot be used, or if there are too few rows to divide.
    """
    from tunelab.sources import local_table

    if not named.strip():
        raise UserError("DATA: name your file or folder of rows, for example DATA=my.jsonl.")
    place = Path(named).expanduser()
    source = _describe_source(place)
    with TemporaryDirectory() as folder:
        raw, facts = local_table.fetch(source, "DATA", Path(folder), Path(folder))
    rows = {split: table.to_list() for split, table in raw.items()}
    guess = guess_format(rows["train"], raw["train"].column_names, named)
    prepare = PrepareSpec(format=guess.format, columns=guess.columns)
    card = {"dataset": dataset, "source": source.model_dump(mode="json"), **facts}
    examples = read_examples(raw, card, prepare, dataset)
    held = {"test": examples.get("test", examples["train"]), "validation": examples["train"]}
    prepare = prepare.model_copy(update={split: _share(given, split) for split, given in held.items()})
    splits, _ = draw_splits(examples["train"], examples.get("test"), prepare, dataset)
    return Data(source, guess, prepare, sum(map(len, rows.values())), splits)


def write_path(place: Path) -> str:
    """Write a path as the study's config names it: below the project's folder from there on, or else whole."""
    whole = Path(os.path.abspath(place))
    here = Path.cwd()
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else whole.as_posix()


def _describe_source(place: Path) -> LocalDataset:
    beside = place.with_name(place.name.replace("train", "test"))
    tests = (write_path(beside),) if beside != place and os.path.isfile(beside) else ()
    licence = find_licence(place if os.path.isdir(place) else place.parent)
    return LocalDataset(source="local", files=(write_path(place),), test_files=tests, licence=licence)


def _share(examples: list[Example], split: str) -> int:
    """Return how many rows are held out, of which those labelled false will be left out; one would compare no runs."""
    held = max(2 if split == "test" else 1, min(MOST[split], round(SHARE * len(examples))))
    wanted = sum(example.label is not False for example in examples)
    return -(-held * len(examples) // max(wanted, 1))
