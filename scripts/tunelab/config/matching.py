"""How PEFT takes names and numbers of a run for parts of its model: by the ends of names, or by patterns."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from tunelab.config.drafts import Problem
from tunelab.values import list_names


def is_meant(name: str | None, asked: Any) -> bool:
    """Tell whether PEFT takes a module for one of those asked for: by its end, or by a pattern of its whole name."""
    if name is None or asked is None or asked == "all-linear":
        return False
    if isinstance(asked, str):
        return matches(asked, name)
    return any(name == one or name.endswith(f".{one}") for one in asked)


def matches(pattern: str, name: str) -> bool:
    """Tell whether a pattern matches a whole name; one that is none, of which others tell, matches nothing."""
    with contextlib.suppress(re.error):
        return re.fullmatch(pattern, name) is not None
    return False


def check_numbers(path: tuple, asked: Any, count: int) -> Iterator[Problem]:
    """See that numbers of layers or tokens, one or a list, are those of some of `count`."""
    numbers: Iterable = [asked] if isinstance(asked, int) else asked if isinstance(asked, list) else ()
    beyond = [number for number in numbers if isinstance(number, int) and not 0 <= number < count]
    if beyond:
        yield Problem(path, f"the model has {count}, numbered from 0 (got {list_names(map(str, beyond))})")
