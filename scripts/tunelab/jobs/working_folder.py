"""Let one program at a time use a working folder, and name it to a second one.

This replaces Snakemake's own locks, which outlive a killed process; the kernel drops this one.
"""

import ast
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from tunelab import records
from tunelab.errors import UserError
from tunelab.jobs.processes import held_lock
from tunelab.values import list_names

LOCK = Path(".snakemake/running.lock")


@contextlib.contextmanager
def claimed_folder(who: str) -> Iterator[None]:
    """Hold the working folder for the block; `who` names this program to others, as in `The study config/a.yaml`.

    Raises:
        UserError: if another program has it, naming that.
    """
    with held_lock(LOCK, _refuse):
        LOCK.write_text(f"{who} (process {os.getpid()})", encoding="utf-8")
        yield


def _refuse() -> NoReturn:
    who = LOCK.read_text(encoding="utf-8") or "Another program"  # it may not have said so yet
    raise UserError(
        f"{who} is running in {Path.cwd()}; wait until it ends (`make status` tells how far it is), stop it, or work "
        "in another folder by `snakemake --directory FOLDER`."
    )


# two studies with the same folder of results would replace each other's page, so it is noted whose page it is


FILE = Path(".snakemake/studies.json")  # the config files behind the page of each folder of results


def note_study(results: str, files: Sequence[str]) -> None:
    """Note that a folder of results gets the page of the study with these config files."""
    records.write_json(FILE, _load() | {results: list(files)})


def describe_other(results: str, files: Sequence[str], title: str) -> str | None:
    """Return a sentence if this study would replace the page of another one; None if not.

    Results that came from elsewhere have no note; there, the title of the page tells.
    """
    page, card = Path(results, "report.html"), Path(results, "cards/render_report.json")
    if not page.is_file():
        return None
    if (noted := _load().get(results)) is not None:
        other = None if noted == list(files) else list_names(noted, quoted=False)
    else:
        titles = [fact.partition(" = ")[2] for fact in _read(card).get("facts", []) if fact.startswith("study.title =")]
        other = next((shown for shown in titles if ast.literal_eval(shown) != title), None)
    if other is None:
        return None
    mine = Path(next((file for file in [*files, *(noted or [])] if file != "config/config.yaml"), "mine")).stem
    return (
        f"{page} is the page of another study ({other}), and {list_names(files, quoted=False)} would replace it; to "
        f"keep both, give one a folder of its own, such as `study.results: results/{mine}`."
    )


def _load() -> dict[str, list[str]]:
    return _read(FILE)


def _read(file: Path) -> dict:
    """Return the content of a file; nothing if it is missing or damaged."""
    try:
        return records.read_json(file)
    except (OSError, ValueError):
        return {}
