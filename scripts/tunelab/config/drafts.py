"""The config as far as it is right, for checks that go on beside its mistakes, and the mistakes in the file's order."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tunelab.config.wording import show

LONGEST_KEY = 100  # characters of one that is written out


class Problem(NamedTuple):
    path: tuple[str | int, ...]
    text: str


class Unknown(Exception):
    """What a check asks for is wrong itself, and was reported: nothing can be said about what depends on it."""


class Draft:
    """The right values of a section, of a table of sections, or of a library's fields.

    given: the keys that stand in the file; the others have their defaults.

    Raises:
        Unknown: when a wrong value is asked for.
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
        if name not in self:
            return default
        return self[name]


def collect(found: Iterable[Problem]) -> list[Problem]:
    """Return the problems that a check finds before it asks for a wrong value."""
    problems = []
    with contextlib.suppress(Unknown):
        for problem in found:
            problems.append(problem)
    return problems


def render_problems(problems: Iterable[Problem], raw: dict, documents: dict[Path, Any] | None = None) -> list[str]:
    """Write one line per problem, `runs.lora.model: …`, in the order in which the keys stand in the file.

    documents: contents of several files that were merged, in that order; each line then begins with the file whose
    value it is about.
    """
    placed = [
        (*_find_place(problem.path, raw), problem.text, find_file(problem.path, documents or {}))
        for problem in dict.fromkeys(problems)
    ]
    lines = sorted(placed, key=lambda item: item[0])
    return [f"{file}, {path}: {text}" if file else f"{path}: {text}" for _, path, text, file in lines]


def find_file(path: tuple[str | int, ...], documents: dict[Path, Any]) -> Path | None:
    """Return the last of the files that hold the key, or else most of the way to it."""
    depths = {file: measure_depth(path, content) for file, content in documents.items()}
    return max(reversed(depths), key=depths.__getitem__) if depths else None


def measure_depth(path: tuple[str | int, ...], content: Any) -> int:
    """Count the keys of a path, from its beginning, that a file holds."""
    for depth, key in enumerate(path):
        held = range(len(content)) if isinstance(content, list) else content if isinstance(content, dict) else ()
        if key not in held:
            return depth
        content = content[key]
    return len(path)


def _find_place(path: tuple[str | int, ...], raw: Any) -> tuple[list[int], str]:
    """Return each key's position among its neighbours (the last for one that is not there) and the path as text."""
    place, text = [], ""
    for key in path:
        listed = isinstance(raw, list | tuple)
        keys = list(raw) if isinstance(raw, dict) else list(range(len(raw))) if listed else []
        place.append(keys.index(key) if key in keys else len(keys))
        plain = isinstance(key, str) and key.isprintable() and 0 < len(key) <= LONGEST_KEY
        text += f"[{key}]" if listed else f".{key if plain else show(key)}"
        raw = raw[key] if key in keys else None
    return place, text.removeprefix(".")
