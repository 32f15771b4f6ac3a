"""Call rewards and metrics that users write: functions with the signature of TRL's rewards, in Python files.

Training, drawing and scoring give them the same: prompts and completions as lists of messages, and the row's columns
by name, each a list. A function must score every answer by itself and the same each time: the first answers that it is
given are scored once more, one by one, and a difference beyond rounding is an error.
"""

import copy
import json
import math
import numbers
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from tunelab.data.thoughts import split_thought
from tunelab.errors import UserError
from tunelab.values import cut, describe, shorten

SCORED_TWICE = 8  # answers of the first batch
LARGEST = 3e38  # what the trainer's float32 can hold
ROUNDING = 1e-5  # of sums of some hundred numbers in float32, such as those of an embedding

Scorer = Callable[..., list[float | None]]


class FunctionError(UserError):
    """A mistake in a function that the user wrote."""


class Batch(NamedTuple):
    """Answers to score; `rows` are the columns of each."""

    prompts: list
    completions: list
    rows: list[dict[str, Any]]

    def pick(self, place: int) -> "Batch":
        return Batch(*([part[place]] for part in self))


class Messages(list):
    """Messages that raise an error if a function looks for a text in them as if they were one."""

    def __contains__(self, item: object) -> bool:
        if isinstance(item, str):
            raise TypeError("this is a list of messages and no text; take messages[-1]['content']")
        return super().__contains__(item)


class OwnFunction(NamedTuple):
    """A function and where it is from; with `may_skip` it may return None for an answer to which it does not apply."""

    call: Callable[..., Any]
    name: str
    file: str
    may_skip: bool

    def __str__(self) -> str:
        return f"{shorten(self.file)}: {self.name}"


def describe_row(row: dict[str, Any]) -> str:
    """Write what functions are given of a row besides its prompt, as JSON: a table would change the columns' types."""
    told = {
        "id": row.get("id"),
        "reference": split_thought(row["messages"][-1].get("content") or "").answer,
        **row.get("columns", {}),
    }
    return json.dumps(told | ({"answer": row["answer"]} if "answer" in row else {}))


def build_scorer(name: str, file: str, may_skip: bool = True) -> Scorer:
    """Build a reward function for the trainer: it takes `prompts`, `completions` and `row` (texts of `describe_row`).

    Args:
        may_skip: whether it may return None for an answer to which it does not apply.

    Raises:
        FunctionError: here and in the function that is returned, naming file, function and row.
    """
    function = OwnFunction(_load_function(name, file), name, file, may_skip)
    unchecked = [True]

    def score(prompts: list, completions: list, row: list[str], **others: object) -> list[float | None]:
        batch = Batch(prompts, list(map(_part_thoughts, completions)), list(map(json.loads, row)))
        values = _score_batch(function, batch)
        if unchecked:
            _check_repeatable(function, batch, values)
            unchecked.clear()
        return values

    score.__name__ = name
    return score


def _part_thoughts(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an answer's turns; a thought at a turn's beginning moves to a field of its own, as in TRL."""
    parted = [(turn, split_thought(turn["content"])) for turn in turns]
    return [
        turn | {"content": said.answer} | ({"reasoning_content": said.thought} if said.thought else {})
        for turn, said in parted
    ]


def _load_function(name: str, file: str) -> Callable[..., Any]:
    """Run a file and return its function. Python's own import might take an older compiled copy."""
    module = ModuleType(f"own:{file}")
    module.__file__ = file
    sys.modules[module.__name__] = module  # where dataclasses look for it
    try:
        exec(compile(Path(file).read_bytes(), file, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise FunctionError(f"{shorten(file)} cannot be run: {_explain(error, file)}. Mend the file.") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise FunctionError(f"{shorten(file)} leaves no function {name} behind; define it at the file's top level.")
    return function


def _score_batch(function: OwnFunction, batch: Batch) -> list[float | None]:
    try:
        found = _call(function, batch)
        flat = getattr(found, "ndim", None) == 1  # of NumPy, PyTorch or pandas
        values = list(found) if isinstance(found, list | tuple) or flat else None
    except (Exception, SystemExit) as error:
        raise FunctionError(_find_row(function, batch, error)) from error
    if values is None or len(values) != len(batch.rows):
        shape = f" of shape {tuple(found.shape)}" if hasattr(found, "shape") else ""
        got = f"{' '.join(describe(found).split())}{shape}" if values is None else f"{len(values)} values"
        raise FunctionError(
            f"{function}: must return a list of one number for each of {len(batch.rows)} answers (got {got}); "
            f"the first of them is to the row {_name_row(batch, 0)}."
        )
    return [_read_value(function, value, _name_row(batch, place)) for place, value in enumerate(values)]


def _call(function: OwnFunction, batch: Batch) -> Any:
    prompts, completions, rows = copy.deepcopy(tuple(batch))  # whatever it does to them, the trainer has its own
    prompts, completions = ([Messages(turns) for turns in part] for part in (prompts, completions))
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return function.call(prompts=prompts, completions=completions, **columns)


def _read_value(function: OwnFunction, value: Any, row: str) -> float | None:
    if value is None and function.may_skip:
        return None
    value = value.item() if getattr(value, "ndim", None) == 0 else value  # of NumPy or PyTorch
    if not isinstance(value, numbers.Real) or not abs(value) <= LARGEST:
        wanted = "a finite number, or None where it does not apply" if function.may_skip else "a finite number"
        raise FunctionError(f"{function}, row {row}: must return {wanted} (got {describe(value)}).")
    return float(value)


def _name_row(batch: Batch, place: int) -> str:
    return shorten(batch.rows[place]["id"]) if batch.rows else "none"


def _find_row(function: OwnFunction, batch: Batch, error: BaseException) -> str:
    """Say what a function raised and at which row, found by trying the rows one by one."""
    for place in range(len(batch.rows)):
        try:
            _call(function, batch.pick(place))
        except (Exception, SystemExit) as alone:
            return f"{function}, row {_name_row(batch, place)}: {_explain(alone, function.file)}. Mend the function."
    said = _explain(error, function.file)
    return f"{function}, {len(batch.rows)} rows from {_name_row(batch, 0)} on: {said}. Mend the function."


def _explain(error: BaseException, file: str) -> str:
    """Describe an exception in one line, with the line of the user's file that raised it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    said = cut(" ".join(str(error).split()))
    return f"{type(error).__name__}{f': {said}' if said else ''}" + (f" (line {lines[-1]})" if lines else "")


def _is_equal(value: float | None, other: float | None) -> bool:
    """Tell whether two values are equal but for float32 rounding, which depends on the order of a sum."""
    if value is None or other is None:
        return value is other
    return math.isclose(value, other, rel_tol=ROUNDING, abs_tol=ROUNDING)


def _check_repeatable(function: OwnFunction, batch: Batch, values: list[float | None]) -> None:
    for place, value in enumerate(values[:SCORED_TWICE]):
        (again,) = _score_batch(function, batch.pick(place))
        if not _is_equal(value, again):
            raise FunctionError(
                f"{function}, row {_name_row(batch, place)}: the same answer was worth {value} among others and "
                f"{again} alone. Judge each answer by itself, without chance and without what came before; or a killed "
                "training would not go on as it was, nor would scores mean what rewards did."
            )
