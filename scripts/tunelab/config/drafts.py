"""Drafts, the correct part of a config with mistakes, for further checks; and problems, written in the file's order."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tunelab.config.wording import show

LONGEST_KEY = 100  # characters of one that is written out


class Problem(NamedTuple):
    """A mistake: where it is, and the message about it."""

    path: tuple[str | int, ...]
    text: str


class Unknown(Exception):
    """Raised when a check reads a value that is wrong itself; that was reported, so the check ends."""


class Draft:
    """The correct values of a section, of a table of sections, or of a library's fields.

    Reading a wrong value raises `Unknown`.

    Args:
        right: values by their keys, defaults included.
        wrong: keys whose values are wrong.
        given: keys that the file has; the others have their defaults.
    """

    def __init__(self, right: dict[str, Any], wrong: Iterable[str] = (), given: Iterable[str] = ()) -> None:
        self.right, self.wrong, self.given = right, set(wrong), set(given)

    def __getitem__(self, name: str) -> Any:
        if name in self.wrong:
            raise Unknown(name)
        return self.right[name]

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def __contains__(self, name: str) -> bool:
        return name in self.right or name in self.wrong

    def __iter__(self) -> Iterator[str]:
        yield from self.right
        yield from self.wrong

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, or the default if there is none."""
        if name not in self:
            return default
        return self[name]


def collect(found: Iterable[Problem]) -> list[Problem]:
    """Return the problems that a check finds before it reads a wrong value."""
    problems = []
    with contextlib.suppress(Unknown):
        for problem in found:
            problems.append(problem)
    return problems


def render_problems(problems: Iterable[Problem], raw: dict, documents: dict[Path, Any] | None = None) -> list[str]:
    """Write one line per problem, `runs.lora.model: …`, in the order of the keys in the file.

    Args:
        raw: the config.
        documents: the contents of the files that it was merged from, in that order; with these, each line begins with
            the file whose value it is about.
    """
    placed = [
        (*_find_place(problem.path, raw), problem.text, find_file(problem.path, documents or {}))
        for problem in dict.fromkeys(problems)
    ]
    lines = sorted(placed, key=lambda item: item[0])
    return [f"{file}, {path}: {text}" if file else f"{path}: {text}" for _, path, text, file in lines]


def find_file(path: tuple[str | int, ...], documents: dict[Path, Any]) -> Path | None:
    """Return the last of the files that have the key, or else the longest beginning of its path."""
    depths = {file: len(follow(path, content)) for file, content in documents.items()}
    return max(reversed(depths), key=depths.__getitem__) if depths else None


def follow(path: tuple[str | int, ...], content: Any) -> list[Any]:
    """Return the value of each key of a path, as far as the path leads."""
    found = []
    for key in path:
        keys = (
            range(len(content)) if isinstance(content, list | tuple) else content if isinstance(content, dict) else ()
        )
        if key not in keys:
            break
        content = content[key]
        found.append(content)
    return found


def _find_place(path: tuple[str | int, ...], raw: Any) -> tuple[list[int], str]:
    """Return each key's position among its neighbours (the last for a missing one), and the path as text."""
    place, text = [], ""
    for key in path:
        listed = isinstance(raw, list | tuple)
        keys = list(raw) if isinstance(raw, dict) else list(range(len(raw))) if listed else []
        place.append(keys.index(key) if key in keys else len(keys))
        plain = isinstance(key, str) and key.isprintable() and 0 < len(key) <= LONGEST_KEY
        text += f"[{key}]" if listed else f".{key if plain else show(key)}"
        raw = raw[key] if key in keys else None
    return place, text.removeprefix(".")
