"""A wildcard's constraint: a regular expression that matches exactly some names, and is short where these are many.

Snakemake writes it into every path of every rule, and reads it again for every job: a list of a thousand names there
takes longer than all else that these paths are used for.
"""

import re
from collections.abc import Iterable


def match_names(names: Iterable[str]) -> str:
    """Return the expression; nothing matches it when there are no names."""
    return _join(frozenset(names)) or "(?!)"


def _join(names: frozenset[str]) -> str:
    """Join names by what they begin with; beginnings that the same endings follow stand side by side."""
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
