"""Find the studies below `results/`, their files and their cards; a study's folder may hold other studies."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from tunelab import records
from tunelab.errors import UserError
from tunelab.jobs.jobcards import TIMESTAMP
from tunelab.layout import FOLDERS, LEDGER, RECORDS

RESULTS = Path("results")
CARD_FIELDS = {"rule", "wildcards", "facts", "inputs", "outputs", "key", "finished", "seconds", "peak_memory_bytes"}


def list_studies(root: Path = RESULTS) -> list[Path]:
    """List the folders from `root` on that hold a study; links are not followed."""
    if not root.is_dir():
        return []
    here = [root] if any((root / part).is_dir() for part in ("cards", "runs")) else []
    return here + [study for folder in _list_others(root) for study in list_studies(folder)]


def list_files(study: Path) -> Iterator[Path]:
    """Yield the artefacts of a study without those of studies inside its folder and without Snakemake's time stamps.

    The ledger of looks is no artefact, since no job alone made it.
    """
    others = {study / name for name in RECORDS} | set(list_studies(study)) - {study}
    for folder, names, files in os.walk(study):
        here = Path(folder)
        names[:] = sorted(name for name in names if here / name not in others)
        links = [name for name in names if (here / name).is_symlink()]
        found = (here / name for name in sorted([*files, *links]) if name != TIMESTAMP)
        yield from (path for path in found if path != study / LEDGER)


def list_cards(study: Path) -> list[Path]:
    return sorted((study / "cards").rglob("*.json"))


def read_card(path: Path) -> dict:
    """Read a provenance card.

    Raises:
        UserError: if it is no card, or an incomplete one.
    """
    try:
        card = records.read_json(path)
    except (json.JSONDecodeError, UnicodeDecodeError):
        card = None
    if not isinstance(card, dict) or not card.keys() >= CARD_FIELDS:
        raise UserError(f"{path} is no provenance card; remove it and make its results again.")
    return card


def _list_others(study: Path) -> list[Path]:
    folders = [path for path in sorted(study.iterdir()) if path.is_dir() and not path.is_symlink()]
    return [path for path in folders if path.name not in FOLDERS]
