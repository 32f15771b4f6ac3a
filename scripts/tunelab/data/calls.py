"""Read the tool calls of a turn, whichever way they are written."""

import json
import math
from collections.abc import Iterator
from typing import Any

from tunelab.data.fields import BadField
from tunelab.errors import UserError
from tunelab.sources.strict_json import Flaw, load_json


def read_calls(value: Any, field: str) -> list[dict]:
    """Return tool calls as templates take them: `function` holds a name, and arguments as an object.

    Nulls within are left out: a table gives each call the arguments of all others, as nulls.
    """
    calls = _read_json(value, field, "a list of calls, each with a function's name and arguments")
    found = []
    for index, call in enumerate(calls if isinstance(calls, list) else [calls]):
        place = f"{field}[{index}]"
        function = (call.get("function") or call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise BadField(place, "a call with a function's name and arguments", call)
        arguments = _read_json(function.get("arguments") or {}, f"{place}.arguments", "a JSON object")
        if not isinstance(arguments, dict):
            raise BadField(f"{place}.arguments", "a JSON object", function["arguments"])
        about = {} if function is call else {name: item for name, item in call.items() if name != "function"}
        whole = {"type": "function", **about, "function": function | {"arguments": arguments}}
        found.append(_clean(whole, place))
    return found


def _read_json(value: Any, field: str, expected: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        found = load_json(value, field)
    except (json.JSONDecodeError, UserError):
        raise BadField(field, expected, value) from None
    for flaw in _list_flaws(found):
        raise BadField(field, f"{expected} ({flaw.problem})", value)
    return found


def _list_flaws(value: Any) -> Iterator[Flaw]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from [item] if isinstance(item, Flaw) else _list_flaws(item)


def _clean(value: Any, field: str) -> Any:
    """Return a value of JSON without nulls within; a table of Parquet may hold others as well."""
    if isinstance(value, dict):
        return {name: _clean(inner, field) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_clean(inner, field) for inner in value]
    if not isinstance(value, str | int | float | None) or (isinstance(value, float) and not math.isfinite(value)):
        raise BadField(field, "values that JSON knows", value)
    return value
