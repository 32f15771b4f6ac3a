"""What each method makes of rows of preferences, be they of drawn answers or of a data set.

Pairs are `messages` (up to the answer), `chosen` and `rejected`; labelled answers `messages`, `completion` and `label`.
A data set's own rows end with the chosen answer, or the one that its label is about, as all rows end with theirs.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from tunelab.data.fields import BadField, check_text, is_absent
from tunelab.data.turns import MESSAGES, SHAREGPT, Turn, order_turns, read_turns
from tunelab.errors import UserError

Rows = list[dict[str, Any]]


def are_pairs(rows: Rows) -> bool:
    """Tell whether a data set's rows are pairs of a chosen and a rejected answer, which all of a split are, or none."""
    return "rejected" in rows[0]


def list_pairs(rows: Rows) -> Rows:
    """Return the rows as pairs.

    Raises:
        UserError: if they are answers with labels.
    """
    if "label" in rows[0]:
        raise UserError(
            "dataset: its rows are answers with a label each, and dpo learns from pairs of a chosen and a rejected "
            "answer. Take method: kto, or name a data set with the columns chosen and rejected."
        )
    return [_split(row) for row in rows]


def list_labelled(rows: Rows) -> Rows:
    """Return the rows as labelled answers; a pair is two of them.

    Raises:
        UserError: if all have the same label.
    """
    labelled = [answer for row in rows for answer in _label(_split(row))]
    labels = {answer["label"] for answer in labelled}
    if len(labels) < 2:
        raise UserError(
            f"dataset: the label of all {len(rows)} rows to learn from is {str(labels.pop()).lower()}, so there is "
            "nothing to tell apart. Bring rows with the other label, or take method: sft."
        )
    return labelled


def list_wanted(rows: Rows) -> Rows:
    """Return the rows without those whose answer is labelled false.

    Raises:
        UserError: if none is left.
    """
    wanted = [row for row in rows if row.get("label", True)]
    if not wanted:
        raise UserError(
            f"dataset: all {len(rows)} rows to learn from are labelled false, and sft learns those labelled true. "
            "Bring such rows, or take method: kto with both."
        )
    return wanted


def _split(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its last answer apart from what it answers, as rows of drawn answers have it already."""
    if "chosen" in row or "completion" in row:
        return row
    name = "completion" if "label" in row else "chosen"
    return row | {"messages": row["messages"][:-1], name: row["messages"][-1]}


def _label(row: dict[str, Any]) -> Rows:
    if "label" in row:
        return [row]
    return [row | {"completion": row[side], "label": side == "chosen"} for side in ("chosen", "rejected")]


# Read rows of preferences: a question with a chosen and a rejected answer, or with one answer and its label.
# Questions and answers are texts or turns. Answers that are lists of turns may begin with the conversation that they
# answer; which turns that are is compared turn by turn, as a beginning that two texts share may reach into the
# answers.


Placed = list[tuple[str, Turn]]
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class Preference(NamedTuple):
    """A conversation up to its last answer, the chosen one, and either the rejected answer or the answer's label."""

    messages: list[Turn]
    rejected: Turn | None
    label: bool | None


def read_preference(values: dict[str, Any]) -> Preference:
    """Read a row's fields: `chosen` and `rejected`, or `completion` and `label`, with or without `prompt`.

    Raises:
        BadField: at what cannot be used, or where the rejected answer is the chosen one.
    """
    fields = ("chosen", "rejected") if "chosen" in values else ("completion",)
    given = {field: _read_side(values[field], field, "assistant") for field in fields}
    asked = [(place, _silence(turn)) for place, turn in _find_question(values.get("prompt"), given)]
    conversations = [_join(asked, field, turns) for field, turns in given.items()]
    first, *others = conversations
    if not others:
        return Preference(first, None, read_label(values["label"]))
    rejected = others[0][-1]
    if rejected == first[-1]:
        raise BadField("rejected", "another answer than the chosen one", rejected["content"])
    return Preference(first, rejected, None)


def read_label(value: Any) -> bool:
    """Read whether an answer is wanted; a CSV file has only texts to say it with."""
    label = TRUTHS.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(label, bool | int | float) or label not in (0, 1):
        raise BadField("label", "true or false (or 1 or 0)", value)
    return bool(label)


def _read_side(value: Any, field: str, role: str) -> Placed:
    """Read a question or an answer: a text, a turn, or a list of turns."""
    if isinstance(value, str) or value is None:
        return [(field, {"role": role, "content": check_text(value, field)})]
    turns = [value] if isinstance(value, dict) else value
    named = isinstance(turns, list) and turns and isinstance(turns[0], dict) and SHAREGPT.role in turns[0]
    return read_turns(turns, field, SHAREGPT if named else MESSAGES)


def _find_question(prompt: Any, given: dict[str, Placed]) -> Placed:
    """Return the turns that the answers answer: the prompt's, or those that the answers themselves begin with."""
    shared = _find_shared(list(given.values()))
    if is_absent(prompt):
        if shared:
            return shared
        field, turns = next(iter(given.items()))
        expected = "a list of turns that begins with the question, which has no column here"
        raise BadField(field, expected, turns[-1][1]["content"])
    asked = _read_side(prompt, "prompt", "user")
    if not isinstance(prompt, str) or not shared:
        return asked
    said = [turn["content"].strip() for _, turn in shared if turn["role"] == "user"]
    if prompt.strip() not in said:
        raise BadField("prompt", "what a user's turn says that the answers begin with", prompt)
    return shared


def _find_shared(sides: list[Placed]) -> Placed:
    """Return the turns with which all answers begin that are conversations, but for the last of each."""
    whole = [side[:-1] for side in sides if len(side) > 1]
    if not whole:
        return []
    return [found[0] for found in takewhile(_are_equal, zip(*whole, strict=False))]


def _are_equal(found: tuple[tuple[str, Turn], ...]) -> bool:
    return all(_silence(turn) == _silence(found[0][1]) for _, turn in found)


def _join(asked: Placed, field: str, turns: Placed) -> list[Turn]:
    """Return the question and an answer as one conversation."""
    begins = [_silence(turn) for _, turn in turns[: len(asked)]] == [turn for _, turn in asked]
    answer = turns[len(asked) :] if begins else turns
    if len(answer) != 1:
        roles = [turn["role"] for _, turn in turns]
        raise BadField(field, "one turn of the assistant, alone or after the turns of the question", roles)
    return order_turns([*asked, *answer], field, MESSAGES)


def _silence(turn: Turn) -> Turn:
    """Return a turn of the question, of which nothing is learnt."""
    rest: Iterator = ((name, value) for name, value in turn.items() if name != "weight")
    return dict(rest) | ({"weight": 0} if turn["role"] == "assistant" else {})
