"""Turn rows of a data set's own format into chat messages, checking every field on the way.

A bad row is never skipped or mended: it stops the stage with its file, row number, field and what was expected.
"""

import difflib
from dataclasses import dataclass
from typing import Any

from tunelab.config.row_fields import FIELDS
from tunelab.config.specs.data import PrepareSpec
from tunelab.data import worked_answers
from tunelab.errors import UserError
from tunelab.values import describe, is_blank, list_names, shorten

OPTIONAL = {"input"}
# some 250,000 tokens: no model here takes as many, so a longer text is a mistake (two files in one, a lost quote)
LONGEST_TEXT = 1_000_000


@dataclass(frozen=True)
class Example:
    """One row as chat: `question` is what the row's user says, by which rows count as duplicates."""

    question: str
    messages: tuple[dict[str, str], ...]
    answer: str | None = None

    def build_record(self, identifier: str) -> dict:
        """Build the JSON Lines record of this example."""
        record = {"id": identifier, "messages": list(self.messages)}
        return record if self.answer is None else record | {"answer": self.answer}


class _BadField(Exception):
    """Carry a field, what it should hold and what it holds up to where the row is known."""

    def __init__(self, field: str, expected: str, found: Any) -> None:
        super().__init__(field, expected, found)
        self.field, self.expected, self.found = field, expected, found


def find_system(spec: PrepareSpec) -> str | None:
    """Return the system message of every row without its own; an empty one in the config means none."""
    if spec.system is None and spec.format == "gsm8k":
        return worked_answers.SYSTEM_PROMPT
    return spec.system or None


def map_columns(spec: PrepareSpec, columns: list[str], dataset: str, origin: str) -> dict[str, str]:
    """Return the column of each of the format's fields, leaving out optional ones that the data set has not got."""
    key, fields = f"datasets.{dataset}.prepare.columns", FIELDS[spec.format]
    for field in spec.columns:
        if field not in fields:
            known = f"the format {spec.format} has the fields {', '.join(fields)}{_suggest(field, fields)}"
            raise UserError(f"{key}: '{field}' is no field of the format; {known}.")
    mapped = {field: spec.columns.get(field, field) for field in fields}
    for field, column in mapped.items():
        if column not in columns and (field not in OPTIONAL or field in spec.columns):
            raise UserError(
                f"{origin}: there is no column '{column}', from which the field '{field}' is read; the columns are "
                f"{list_names(columns)}{_suggest(column, columns)}. Name one of them in {key}.{field}."
            )
    return {field: column for field, column in mapped.items() if column in columns}


def build_examples(rows: list[dict], spec: PrepareSpec, columns: dict[str, str], origin: str) -> list[Example]:
    """Build the examples of one split; `origin` names its file in the sentence about a bad row."""
    system = find_system(spec)
    examples = []
    for number, row in enumerate(rows, start=1):
        values = {field: row[column] for field, column in columns.items()}
        try:
            examples.append(_build_example(values, spec, system))
        except _BadField as bad:
            field = bad.field.partition("[")[0]
            column = f" (column '{columns[field]}')" if columns[field] != field else ""
            raise UserError(
                f"{origin}, row {number}, field '{bad.field}'{column}: expected {bad.expected}, "
                f"found {describe(bad.found)}. Mend or remove the row, or map another column."
            ) from None
    return examples


def _build_example(values: dict[str, Any], spec: PrepareSpec, system: str | None) -> Example:
    """Build one example from a row's fields."""
    if spec.format == "messages":
        messages = _check_messages(values["messages"])
        question = "\n\n".join(message["content"] for message in messages if message["role"] == "user")
        own_system = messages[0]["role"] == "system"
        return Example(question, tuple(messages if own_system else _with_system(system, messages)))
    question_field, answer_field = FIELDS[spec.format][0], FIELDS[spec.format][-1]
    question, reply = (_check_text(values[field], field) for field in (question_field, answer_field))
    gold, shots = None, []
    if spec.format == "instruction" and values.get("input") not in (None, ""):
        question = f"{question}\n{_check_text(values['input'], 'input')}"
    if spec.format == "gsm8k":
        reply, gold = _read_worked_answer(reply)
        shots = list(worked_answers.ONE_SHOT) if spec.one_shot else []
    turns = [*shots, {"role": "user", "content": question}, {"role": "assistant", "content": reply}]
    return Example(question, tuple(_with_system(system, turns)), gold)


def _read_worked_answer(text: str) -> tuple[str, str]:
    """Return the demonstration and the gold number of a GSM8K answer."""
    parts = worked_answers.split_worked_answer(text)
    if parts is None:
        steps, _, number = text.rpartition("####")
        # what is wrong with a long answer is seen at its end
        raise _BadField("answer", "worked steps and then '#### ' with one number", f"####{number}" if steps else text)
    return worked_answers.render_demonstration(*parts), parts[1]


def _check_messages(messages: Any) -> list[dict[str, str]]:
    """Return a ready-made conversation, reduced to role and content, once its form is right."""
    if not isinstance(messages, list) or len(messages) < 2:
        raise _BadField("messages", "a list of at least two messages with role and content", messages)
    checked = []
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if not isinstance(message, dict) or not {"role", "content"} <= set(message):
            raise _BadField(place, "a message with role and content", message)
        turn = index - (messages[0].get("role") == "system")
        wanted = "system" if turn < 0 else ("user", "assistant")[turn % 2]
        if message["role"] != wanted:
            raise _BadField(f"{place}.role", f"'{wanted}' (user and assistant in turn)", message["role"])
        _check_text(message["content"], f"{place}.content")
        checked.append({"role": wanted, "content": message["content"]})
    if checked[-1]["role"] != "assistant":
        raise _BadField("messages[-1].role", "'assistant' (the reply to learn comes last)", checked[-1]["role"])
    return checked


def _check_text(value: Any, field: str) -> str:
    if not isinstance(value, str) or is_blank(value):
        raise _BadField(field, "text that is not blank", value)
    if len(value) > LONGEST_TEXT:
        raise _BadField(field, f"text of at most {LONGEST_TEXT:,} characters", value)
    return value


def _with_system(system: str | None, turns: list[dict[str, str]]) -> list[dict[str, str]]:
    return turns if system is None else [{"role": "system", "content": system}, *turns]


def _suggest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """Render the known word that looks most like an unknown one, in whatever case it is written, if one does."""
    # cut, because comparing takes the product of the lengths, and a broken file may have names without end
    folded = {name.strip().lower()[:60]: name for name in known}
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.5)
    return f" (did you mean {shorten(folded[close[0]])}?)" if close else ""
