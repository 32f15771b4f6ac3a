"""Find what a folder says of its licence."""

import re
from pathlib import Path

import yaml

from tunelab.values import cut

# the first lines of a licence's text say which it is
_TEXT = re.compile(r"licen[cs]e(\.(txt|md))?", re.IGNORECASE)


def find_licence(folder: Path) -> str | None:
    """Return the licence that a folder's README.md declares, as on the Hub, or that its LICENSE begins with.

    The project's own folder says nothing of what lies in it.
    """
    if folder.resolve() == Path.cwd().resolve() or not folder.is_dir():
        return None
    declared = _read_declared(folder / "README.md")
    if declared:
        return declared
    texts = [path for path in sorted(folder.iterdir()) if _TEXT.fullmatch(path.name) and path.is_file()]
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
