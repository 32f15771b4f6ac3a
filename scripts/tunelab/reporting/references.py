"""Which works a paper cites: entries of `reports/references.bib`, chosen by what they are about.

`keywords` of an entry names it, `method:grpo` or, with `*` for any text, `model:*SmolLM2*`. A model or data set that no
entry is about is cited by its card. The bibliography holds what was cited, and nothing else.
"""

import re
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import NamedTuple

from tunelab.errors import UserError
from tunelab.reporting.tex import mark

FILE = "references.bib"


class Entry(NamedTuple):
    """An entry as BibTeX reads it, its key, and patterns of what it is about."""

    key: str
    keywords: list[str]
    text: str


def read_entries(bibliography: str) -> list[Entry]:
    """Read the entries of a bibliography in which each begins a line with `@` and ends in a line `}`.

    Raises:
        UserError: if one says not what it is about, or two have one key.
    """
    entries = []
    for found in re.finditer(r"^@\w+\{([^,\s]+),\n.*?^\}\n", bibliography, re.M | re.S):
        keywords = re.search(r"^  keywords = \{(.*)\},\n", found[0], re.M)
        if not keywords or found[1] in {entry.key for entry in entries}:
            raise UserError(f"reports/{FILE}: {found[1]} has no keywords, or stands there twice; look at its entry.")
        entries.append(Entry(found[1], re.split(r",\s*", keywords[1]), found[0].replace(keywords[0], "")))
    return entries


class Citations:
    """What a paper cites while it is written."""

    def __init__(self, bibliography: str) -> None:
        self._entries = read_entries(bibliography)
        self._cited: set[str] = set()
        self.cards: list[tuple[str, str, dict]] = []  # key, kind and card of what is cited by its card

    def cite(self, *subjects: str) -> str:
        """Return the command that cites every entry on one of the subjects; nothing where there is none."""
        keys = [entry.key for entry in self._entries if any(_concerns(entry, subject) for subject in subjects)]
        self._cited.update(keys)
        return _command(keys) if keys else ""

    def cite_card(self, kind: str, name: str, card: dict) -> str:
        """Return the command that cites a model or data set: the work on it, or else its card."""
        if command := self.cite(*(f"{kind}:{source}" for source in name_source(card["source"]))):
            return command
        key = f"{kind}-{name}"
        if key not in {known for known, _, _ in self.cards}:
            self.cards.append((key, kind, card | {"name": name}))
        return _command([key])

    @property
    def entries(self) -> str:
        """The cited entries of the file, in its order."""
        return "\n".join(entry.text for entry in self._entries if entry.key in self._cited)


def name_source(source: dict) -> list[str]:
    """List the names under which a model or data set may be known: repository, package, files."""
    package = f"{source['package']} {source['version']}" if "package" in source else None
    files = [source.get("gguf"), source.get("path"), *source.get("files", ())]
    return [name for name in (source.get("repo_id"), package) if name] + [PurePath(file).name for file in files if file]


def _command(keys: list[str]) -> str:
    return mark("~\\cite{" + ",".join(keys) + "}")


def _concerns(entry: Entry, subject: str) -> bool:
    return any(fnmatchcase(subject, keyword) for keyword in entry.keywords)
