"""Look at the data of a first study: its source, licence and format, whether all rows can be used, and its splits."""

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import yaml

from tunelab.config.formats import FORMATS
from tunelab.config.hints import REPOSITORY
from tunelab.config.specs.data import PrepareSpec
from tunelab.config.specs.sources import LocalDataset
from tunelab.data.formats import Example
from tunelab.data.preparing import read_examples
from tunelab.data.splits import build_records, draw_splits
from tunelab.errors import UserError
from tunelab.upkeep.new_study.columns import Guess, Named, guess_format
from tunelab.values import cut

_LICENCE = re.compile(r"licen[cs]e(\.(txt|md))?", re.IGNORECASE)
# Rows that are held out: a third of a small file, up to SMALL, since few test rows show nothing; a tenth of a large
# file, up to MOST, which are answered in minutes.
THIRD, SMALL = 1 / 3, 100
TENTH, MOST = 0.1, {"test": 200, "validation": 40}


def find_licence(folder: Path) -> str | None:
    """Return the licence that a folder's README.md declares, as on the Hub, or the first lines of its LICENSE.

    The project's own folder says nothing about the data in it.
    """
    if folder.resolve() == Path.cwd().resolve() or not folder.is_dir():
        return None
    declared = _read_declared(folder / "README.md")
    if declared:
        return declared
    texts = [path for path in sorted(folder.iterdir()) if _LICENCE.fullmatch(path.name) and path.is_file()]
    text = texts[0].read_text(encoding="utf-8", errors="replace") if texts else ""
    lines = [line.strip(" #*") for line in text.strip().partition("\n\n")[0].splitlines()]
    return cut(" ".join(filter(None, lines[:2])), 60) or None  # the second one tells Apache's and GNU's version


def _read_declared(readme: Path) -> str | None:
    if not readme.is_file():
        return None
    _, mark, rest = readme.read_text(encoding="utf-8", errors="replace").partition("---\n")
    try:
        header = yaml.safe_load(rest.partition("\n---")[0]) if mark else None
    except yaml.YAMLError:
        return None
    said = header.get("license") if isinstance(header, dict) else None
    return cut(said, 60) if isinstance(said, str) else None


class Data(NamedTuple):
    """How a study will read its data, and the rows in their splits."""

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
        if FORMATS[self.guess.format].rows != "preferences":
            return None
        return "kto" if "label" in self.list_records("train")[0] else "dpo"


def look_at_rows(named: str, dataset: str, columns: Named) -> Data:
    """Read the data that `DATA` names as the study will read it.

    dataset: its name in the config, for messages; columns: the user's columns of question and answer.

    Raises:
        UserError: if it cannot be read, if a row cannot be used, or if there are too few rows to split.
    """
    from tunelab.sources import local_table

    if not named.strip():
        raise UserError("DATA: name your file or folder of rows, for example DATA=my.jsonl.")
    place = Path(named).expanduser()
    if REPOSITORY.fullmatch(named) and not os.path.exists(place) and not os.path.isdir(place.parent):
        raise UserError(_explain_repository(named, dataset))
    source = _describe_source(place)
    with TemporaryDirectory() as folder:
        raw, facts = local_table.fetch(source, "DATA", Path(folder), Path(folder))
    rows = {split: table.to_list() for split, table in raw.items()}
    guess = guess_format(rows["train"], raw["train"].column_names, named, columns)
    prepare = PrepareSpec(format=guess.format, columns=guess.columns)
    card = {"dataset": dataset, "source": source.model_dump(mode="json"), **facts}
    examples = read_examples(raw, card, prepare, dataset)
    held = {"test": examples.get("test", examples["train"]), "validation": examples["train"]}
    most = {"test": MOST["test"]} if "test" in examples else {}  # a test file is for testing only
    prepare = prepare.model_copy(update={split: _share(given, split, most.get(split)) for split, given in held.items()})
    splits, _ = draw_splits(examples["train"], examples.get("test"), prepare, dataset)
    return Data(source, guess, prepare, sum(map(len, rows.values())), splits)


def write_path(place: Path) -> str:
    """Write a path for the config: relative if it lies in the project's folder, else absolute."""
    whole = Path(os.path.abspath(place))
    here = Path.cwd()
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else whole.as_posix()


def _describe_source(place: Path) -> LocalDataset:
    beside = place.with_name(place.name.replace("train", "test"))
    tests = (write_path(beside),) if beside != place and os.path.isfile(beside) else ()
    licence = find_licence(place if os.path.isdir(place) else place.parent)
    return LocalDataset(source="local", files=(write_path(place),), test_files=tests, licence=licence)


def _explain_repository(named: str, dataset: str) -> str:
    name = named.rpartition("/")[2]
    return (
        f"DATA: there is no file or folder {named}. If it is a data set of the Hub: nothing is fetched here, and rows "
        f"must be looked at. Bring them, `.venv/bin/hf download {named} --repo-type dataset --local-dir {name}`, and "
        f"take DATA={name}; or write datasets: {{{dataset}: {{fetch: {{source: hub, repo_id: {named}}}, prepare: "
        "{format: question_answer}}} into a config of your own (config/README.md)."
    )


def _share(examples: list[Example], split: str, least: int | None) -> int:
    """Return how many rows to hold out, so that enough of them are not labelled false.

    least: hold out all rows up to this number.
    """
    rows, wanted = len(examples), sum(example.label is not False for example in examples)
    share = min(wanted, least) if least else min(MOST[split], round(TENTH * wanted))
    if split == "test":  # one row would compare no runs
        share = max(2, share, min(SMALL, round(THIRD * wanted)))
    return -(-max(1, share) * rows // max(wanted, 1))
