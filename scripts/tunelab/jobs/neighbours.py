"""Whose page lies in a folder of results: which config files, since two studies that share it replace each other's."""

import ast
from collections.abc import Sequence
from pathlib import Path

from tunelab import records
from tunelab.values import list_names

FILE = Path(".snakemake/studies.json")  # the config files behind the page of each folder of results


def note_study(results: str, files: Sequence[str]) -> None:
    """Note that a folder of results gets the page of the study of these config files."""
    records.write_json(FILE, _load() | {results: list(files)})


def describe_other(results: str, files: Sequence[str], title: str) -> str | None:
    """Return a sentence if the page that is there is another study's, which this one would replace; None if not.

    Without a note, of results that came from elsewhere, the page's title tells.
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
    """Return what a file says; nothing if it is not there, or damaged."""
    try:
        return records.read_json(file)
    except (OSError, ValueError):
        return {}
