"""Check the names and types of TRL's, PEFT's and bitsandbytes' own settings without importing those libraries.

`arguments.json` lists, per class, each field's accepted types; `tunelab.schema` writes it from the installed
libraries, and a test keeps it in step. Importing them here would cost every dry run seven seconds.
"""

import difflib
import functools
import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("arguments.json")
PYTHON_TYPES = {"int": int, "float": float, "bool": bool, "str": str, "list": list, "dict": dict}


@functools.cache
def load_arguments() -> dict[str, dict[str, dict]]:
    """Return {class name: {field: {"types": [...], "choices": [...]}}}; empty types mean that any value may pass."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def suggest(name: str, known: list[str] | dict) -> str:
    """Return ` (did you mean …?)`, or nothing when no known name is close."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def check_arguments(class_name: str, values: dict[str, Any], owned: dict[str, str]) -> tuple[dict[str, Any], list]:
    """Return the values with numbers coerced, and a list of (field, problem) for what the class would not take.

    owned: fields that the workflow sets itself, each with the remedy to print.
    """
    fields, checked, problems = load_arguments()[class_name], {}, []
    for name, value in values.items():
        if name in owned:
            problems.append((name, f"is set by the workflow: {owned[name]}"))
        elif name not in fields:
            problems.append((name, f"is not a field of {class_name}{suggest(name, fields)}"))
        else:
            try:
                checked[name] = _coerce(value, fields[name]["types"], fields[name].get("choices"))
            except ValueError as error:
                problems.append((name, f"{error} (got {value!r})"))
    return checked, problems


def _coerce(value: Any, types: list[str], choices: list | None) -> Any:
    if not types or (value is None and "null" in types):
        return value
    if choices is not None and isinstance(value, str):
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(map(str, choices))}{suggest(value, choices)}")
        return value
    for name in types:
        if name != "null" and type(value) is PYTHON_TYPES[name]:
            return value
    # YAML 1.1 reads 1e-4 (without a dot) as text, and 1 where 1.0 is meant
    if "float" in types and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass  # falls through to the refusal below
    if "int" in types and isinstance(value, float) and value.is_integer():
        return int(value)
    raise ValueError(f"must be {' or '.join(types)}")
