"""Build a wildcard's constraint: a regular expression that matches exactly some names, short even for many.

Snakemake writes the constraint into every path of every rule and parses it again for every job, so that a list of a
thousand names would take most of a plan's time.
"""

import re
from collections.abc import Iterable


def match_names(names: Iterable[str]) -> str:
    """Return the expression; without names, nothing matches it."""
    return _join(frozenset(names)) or "(?!)"


def _join(names: frozenset[str]) -> str:
    """Group names by their beginnings; beginnings with the same endings share one alternative."""
    endings: dict[str, set[str]] = {}
    for name in names - {""}:
        endings.setdefault(name[0], set()).add(name[1:])
    heads: dict[frozenset[str], list[str]] = {}
    for head in sorted(endings):
        heads.setdefault(frozenset(endings[head]), []).append(head)
    branches = [_choose(letters) + _join(rest) for rest, letters in heads.items()]
    joined = "|".join(branches)
    if "" in names:
        return f"(?:{joined})?" if joined else ""
    return f"(?:{joined})" if len(branches) > 1 else joined


def _choose(letters: list[str]) -> str:
    escaped = "".join(map(re.escape, letters))
    return escaped if len(letters) == 1 else f"[{escaped}]"
