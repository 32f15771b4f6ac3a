"""Preferences: what each method learns from prepared rows of them, and how a data set's rows of them are read.

Prepared pairs have `messages` (up to the answer), `chosen` and `rejected`; labelled answers `messages`, `completion`
and `label`. Rows of a data set's own have the chosen answer, or the one that the label is about, as last of `messages`.
"""

from itertools import takewhile
from typing import Any, NamedTuple

from tunelab.data.fields import BadField, check_text, is_absent
from tunelab.data.turns import MESSAGES, SHAREGPT, Turn, order_turns, read_turns, silence
from tunelab.errors import UserError

Rows = list[dict[str, Any]]
Placed = list[tuple[str, Turn]]  # turns with their places in the row
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class Preference(NamedTuple):
    """A conversation that ends with the chosen answer, and either the rejected answer or the answer's label."""

    messages: list[Turn]
    rejected: Turn | None
    label: bool | None


def are_pairs(rows: Rows) -> bool:
    """Tell whether a split's rows are pairs of a chosen and a rejected answer; either all of them are, or none."""
    return "rejected" in rows[0]


def list_pairs(rows: Rows) -> Rows:
    """Return the rows as pairs, for DPO.

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
    """Return the rows as labelled answers, for KTO; a pair makes two of them.

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
    """Return the rows that SFT learns: all but those whose answer is labelled false.

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


def read_preference(values: dict[str, Any]) -> Preference:
    """Read a row's fields: `chosen` and `rejected`, or `completion` and `label`, with or without `prompt`.

    Questions and answers are texts or turns. Answers that are lists of turns may begin with the conversation that they
    answer. Which turns these are is found turn by turn: the beginning that two texts share may reach into the answers.

    Raises:
        BadField: at a field that cannot be used, or if the rejected answer equals the chosen one.
    """
    fields = ("chosen", "rejected") if "chosen" in values else ("completion",)
    given = {field: _read_side(values[field], field, "assistant") for field in fields}
    asked = [(place, silence(turn)) for place, turn in _find_question(values.get("prompt"), given)]
    conversations = [_join(asked, field, turns) for field, turns in given.items()]
    first, *others = conversations
    if not others:
        return Preference(first, None, read_label(values["label"]))
    rejected = others[0][-1]
    if rejected == first[-1]:
        raise BadField("rejected", "another answer than the chosen one", rejected["content"])
    return Preference(first, rejected, None)


def read_label(value: Any) -> bool:
    """Read whether an answer is wanted, from a truth value, a number or (as in CSV files) a text."""
    label = TRUTHS.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(label, bool | int | float) or label not in (0, 1):
        raise BadField("label", "true or false (or 1 or 0)", value)
    return bool(label)


def _split(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose answer is a field of its own, as in rows of drawn answers, and no longer the last message."""
    if "chosen" in row or "completion" in row:
        return row
    name = "completion" if "label" in row else "chosen"
    return row | {"messages": row["messages"][:-1], name: row["messages"][-1]}


def _label(row: dict[str, Any]) -> Rows:
    if "label" in row:
        return [row]
    return [row | {"completion": row[side], "label": side == "chosen"} for side in ("chosen", "rejected")]


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
    """Return the turns with which all answers that are conversations begin; the last turn of each does not count."""
    begins = [side[:-1] for side in sides if len(side) > 1]
    if not begins:
        return []
    return [found[0] for found in takewhile(_are_equal, zip(*begins, strict=False))]


def _are_equal(found: tuple[tuple[str, Turn], ...]) -> bool:
    return all(silence(turn) == silence(found[0][1]) for _, turn in found)


def _join(asked: Placed, field: str, turns: Placed) -> list[Turn]:
    """Return the question and an answer as one conversation."""
    begins = [silence(turn) for _, turn in turns[: len(asked)]] == [turn for _, turn in asked]
    answer = turns[len(asked) :] if begins else turns
    if len(answer) != 1:
        roles = [turn["role"] for _, turn in turns]
        raise BadField(field, "one turn of the assistant, alone or after the turns of the question", roles)
    return order_turns([*asked, *answer], field, MESSAGES)
