"""Write messages about the config: the value, what it must be, and the name that was probably meant."""

import datetime
import difflib
import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from tunelab.values import LISTED, list_names

SHOWN = 60  # characters of a value
# pydantic's types of errors → our words; other types keep pydantic's
DEMANDS = {
    "string_type": "must be text",
    "string_pattern_mismatch": "has the wrong form",
    "string_too_long": "must have at most {max_length} characters",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    "finite_number": "must be a finite number",
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "too_short": "must have at least {min_length} entry",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}


def show(value: Any) -> str:
    """Write a value as YAML may have it, shortened."""
    if isinstance(value, str):
        text = repr(value)
    elif isinstance(value, datetime.date):
        text = value.isoformat()
    else:
        text = json.dumps(value, ensure_ascii=False, default=str, skipkeys=True)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def find_nearest(name: Any, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name`, whatever their case; None if none is close."""
    folded = {item.casefold(): item for item in known}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def refuse_name(problem: str, name: Any, known: Iterable[str]) -> str:
    """Say that a name is unknown, with the one that was probably meant, or else with all known ones if they are few."""
    known = list(map(str, known))  # in YAML a name may be a number, which other checks report
    if nearest := find_nearest(name, known):
        return f"{problem} (did you mean {nearest}?)"
    return f"{problem}; known here: {list_names(known, quoted=False)}" if len(known) <= LISTED else problem


def refuse_value(demand: str, value: Any, choices: Iterable[str] = (), text_wanted: bool = False) -> str:
    """Say what a value must be and what it is, and which of the `choices` was probably meant."""
    nearest = find_nearest(value, choices) if isinstance(value, str) else None
    guess = f"; did you mean {nearest}?" if nearest else ""
    return f"{demand} (got {show(value)}{guess}){_remind_of_quotes(value) if text_wanted else ''}"


def refuse_invalid(error: ValidationError, value: Any) -> str:
    """Say in one sentence what a value must be, from pydantic's errors about each kind that it may have."""
    demands, choices = [], []
    for item in error.errors():
        if item["type"] == "literal_error":
            choices += item["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            continue
        limits = {name: f"{limit:g}" if type(limit) is float else limit for name, limit in item.get("ctx", {}).items()}
        demands.append(DEMANDS.get(item["type"], item["msg"]).format(**limits))
    if {DEMANDS["float_type"], DEMANDS["int_type"]} <= set(demands):
        demands = [DEMANDS["float_type"]]  # for a field that takes a share or a number of rows
    if choices:
        return refuse_choice(value, choices, demands)
    return refuse_value(join_demands(demands), value, text_wanted=DEMANDS["string_type"] in demands)


def join_demands(demands: Iterable[str]) -> str:
    """Join `must be a` and `must be b` to `must be a or b`."""
    first, *others = dict.fromkeys(demands)
    return first + "".join(f" or {other.removeprefix('must be ')}" for other in others)


def refuse_choice(value: Any, choices: Iterable[str], demands: Iterable[str] = ()) -> str:
    """Say which words a value may be, or what else; of a long list only the word that was probably meant."""
    choices = list(choices)
    if len(choices) > LISTED and isinstance(value, str) and find_nearest(value, choices):
        listed = f"must be one of {len(choices)} words"
    else:
        listed = f"must be one of {list_names(choices, quoted=False)}"
    return refuse_value(join_demands([listed, *demands]), value, choices, text_wanted=True)


def _remind_of_quotes(value: Any) -> str:
    if value is None or isinstance(value, str | list | tuple | dict):
        return ""
    if isinstance(value, bool):
        return ": YAML reads a bare no, off, yes or on as false or true, so put the word in quotes"
    return ": put it in quotes"
