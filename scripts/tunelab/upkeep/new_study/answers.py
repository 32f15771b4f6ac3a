"""Tell by the answers themselves whether they are worked sums, or numbers alone."""

from collections.abc import Iterable, Sequence
from typing import Any

from tunelab.data.fields import is_absent
from tunelab.numbers import normalise_number

NEARLY_ALL = 0.9


def is_worked(answers: Iterable[Any]) -> bool:
    """Tell whether most answers end in a number behind GSM8K's mark."""
    marked = [isinstance(answer, str) and "####" in answer for answer in answers]
    return sum(marked) > len(marked) / 2


def are_numbers(answers: Sequence[Any]) -> bool:
    """Tell whether nearly all answers are numbers alone; the reader names those that are none."""
    plain = [
        normalise_number(str(answer)) is not None
        for answer in answers
        if not is_absent(answer) and not isinstance(answer, bool | list | dict)
    ]
    return bool(plain) and sum(plain) >= NEARLY_ALL * len(answers)
