"""Check the names, types and ranges of TRL's, PEFT's and bitsandbytes' own settings without importing those libraries.

`arguments.json` lists, per class, each field's accepted types; `tunelab.upkeep.schema` writes it from the installed
libraries, and a test keeps it in step. Importing them here would cost every dry run seven seconds.
"""

import functools
import json
import math
import re
from pathlib import Path
from typing import Any

from tunelab.config.drafts import Draft
from tunelab.config.ranges import check_entries, check_range
from tunelab.config.wording import find_nearest, join_demands, refuse_choice, refuse_name, refuse_value

FILE = Path(__file__).with_name("arguments.json")
PYTHON_TYPES = {"int": int, "float": float, "bool": bool, "str": str, "list": list, "dict": dict, "null": type(None)}
DEMANDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "str": "must be text",
    "list": "must be a list",
    "dict": "must be a mapping",
    "null": "must be null",
}
WORDS = {"true": True, "false": False, "null": None}


@functools.cache
def load_arguments() -> dict[str, dict[str, dict]]:
    """Return {class name: {field: {"types": [...], "choices": [...], "default": ..., "words": {...}}}}.

    Empty types mean that any value may pass; without a default it is null, or nothing that a config could say. Words
    are those that the library itself takes true and false for.
    """
    return json.loads(FILE.read_text(encoding="utf-8"))


def check_arguments(
    class_name: str, values: dict[str, Any], refused: dict[str, str], called: dict[str, str] | None = None
) -> tuple[Draft, list[tuple[str, str]]]:
    """Return the fields with numbers coerced, and a list of (field, problem) for what the class would not take.

    refused: fields that are not obeyed, each with the sentence that says so; called: what others call a field, and the
    field, or what to do instead.
    """
    fields, right, wrong, problems = load_arguments()[class_name], {}, set(), []
    for name, value in values.items():
        if name in refused:
            problems.append((name, refused[name]))
        elif name not in fields:
            nearest, problem = _find_meant(name, fields, called or {}, f"is not a field of {class_name}")
            problems.append((name, problem))
            if nearest not in (None, *values):  # what it stands for is not at its default
                wrong.add(nearest)
        else:
            try:
                meant = _take_word(value, fields[name].get("words", {}))
                right[name] = _coerce(name, meant, fields[name]["types"], fields[name].get("choices"))
            except ValueError as error:
                problems.append((name, str(error)))
    return Draft(right, wrong | {name for name, _ in problems}, values), problems


def _find_meant(name: str, fields: dict[str, Any], called: dict[str, str], problem: str) -> tuple[str | None, str]:
    """Return the field that an unknown name stands for, if it stands for one, and the sentence about it."""
    meant = called.get(name)
    if meant in fields:
        return meant, f"{problem}; it is called {meant} here"
    if meant is not None:
        return None, f"{problem}; {meant}"
    return find_nearest(name, fields), refuse_name(problem, name, fields)


def _take_word(value: Any, words: dict[str, str]) -> Any:
    """Return the word that a library takes true or false for, so that one setting is written in one way."""
    return words.get(str(value).lower(), value) if isinstance(value, bool | str) else value


def _coerce(name: str, value: Any, types: list[str], choices: list[str] | None) -> Any:
    """Return the value as one of the types.

    Raises:
        ValueError: with the sentence that says what the value must be.
    """
    if isinstance(value, dict):
        value = _parse_nested(value)
    if not types:
        check_entries(name, value)
        return value
    coerced = _parse(value) if isinstance(value, str) and "str" not in types else value
    # YAML has 1 where 1.0 is meant, and the other way round
    if "float" in types and type(coerced) is int:
        coerced = float(coerced)
    elif "int" in types and type(coerced) is float and coerced.is_integer():
        coerced = int(coerced)
    known = choices is None or not isinstance(coerced, str) or any(is_choice(coerced, choice) for choice in choices)
    if not known or not _is_one_of(coerced, types):
        demands = [DEMANDS[kind] for kind in types if not (choices and kind == "str")]
        if choices:
            raise ValueError(refuse_choice(value, choices, demands))
        raise ValueError(refuse_value(join_demands(demands), value, text_wanted="str" in types))
    if isinstance(coerced, int | float) and not isinstance(coerced, bool):
        check_range(name, coerced, value)
    check_entries(name, coerced)
    return coerced


def _parse_nested(value: Any) -> Any:
    """Return a mapping with the numbers and words in it read: there, YAML and `--config` leave text for them."""
    if isinstance(value, dict):
        return {key: _parse_nested(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_parse_nested(item) for item in value]
    parsed = _parse(value) if isinstance(value, str) else value
    return parsed if parsed is None or isinstance(parsed, bool) or _is_number(parsed) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _parse(text: str) -> Any:
    """Read a number or a word: YAML 1.1 takes 1e-4 (without a dot) for text, and `--config` every nested value."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _is_one_of(value: Any, types: list[str]) -> bool:
    return any(type(value) is PYTHON_TYPES[name] for name in types)


def is_choice(text: str, choice: str) -> bool:
    """Compare with a choice of PEFT's, which writes `pissa_niter_[number of iters]` where pissa_niter_16 is meant."""
    stem, bracket, _ = choice.partition("[")
    return bool(re.fullmatch(re.escape(stem) + r"\d+", text)) if bracket else text == choice
