"""Turn the rows of a data set into chat messages or plain texts, and check every field on the way.

A row that cannot be used is never skipped or repaired: it stops the stage, with its file, row number, field and what
was expected. To add a format, see CONTRIBUTING.md.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tunelab.config.formats import FORMATS, Format
from tunelab.config.specs.data import PrepareSpec
from tunelab.data import turns, worked_answers
from tunelab.data.fields import BadField, check_text, is_absent, keep_columns
from tunelab.data.preferences import read_preference
from tunelab.errors import UserError
from tunelab.values import describe, list_names, shorten


@dataclass(frozen=True)
class Example:
    """One row as chat messages or as a plain text.

    Args:
        question: what the user says in the row; rows with the same question stay in one split. A plain text is its own
            question.
        messages: the turns, with what they carry for the chat template (`turns`); those of `weight` 0 are not learnt.
            Of preferences, the last one is the chosen answer, or the one that `label` is about. None of a plain text.
        answer: the number to check.
        columns: what `prepare.keep` names, for the user's own rewards and metrics.
        rejected: the other answer of a pair.
        label: whether the answer is wanted.
    """

    question: str
    messages: tuple[dict[str, Any], ...]
    answer: str | None = None
    columns: dict[str, Any] | None = None
    rejected: dict[str, Any] | None = None
    label: bool | None = None

    def build_record(self, identifier: str) -> dict:
        """Build the JSON Lines record of this example."""
        others = {"answer": self.answer, "rejected": self.rejected, "label": self.label}
        others |= {"columns": self.columns or None}
        given = {name: value for name, value in others.items() if value is not None}
        said = {"messages": list(self.messages)} if self.messages else {"text": self.question}
        return {"id": identifier} | said | given

    def list_parts(self) -> list[Any]:
        """List everything that the row says; rows with equal parts are duplicates."""
        return [self.messages or self.question, self.answer, self.rejected, self.label]


def find_system(spec: PrepareSpec) -> str | None:
    """Return the system message of rows that have none of their own; an empty one in the config means none."""
    if spec.system is None and FORMATS[spec.format].rows == "numbers":
        return worked_answers.SYSTEM_PROMPT
    return spec.system or None


def map_columns(spec: PrepareSpec, columns: list[str], dataset: str, origin: str) -> dict[str, str]:
    """Return the column of each of the format's fields, leaving out optional fields that the data set lacks.

    Args:
        columns: the columns of the data set's files.
        dataset: its name in the config, for messages.
        origin: where the rows are from, for messages.

    Raises:
        UserError: if a field is unknown, or a column is missing.
    """
    key, form = f"datasets.{dataset}.prepare.columns", FORMATS[spec.format]
    for field in spec.columns:
        if field not in form.fields:
            fields = ", ".join(form.fields)
            known = f"the format {spec.format} has the fields {fields}{_suggest(field, form.fields)}"
            raise UserError(f"{key}: '{field}' is no field of the format; {known}.")
    # a column that is named for another field is not read for the one of its own name as well
    taken = {field for field in form.optional if field not in spec.columns and field in spec.columns.values()}
    unused = {*taken, *_list_unused(form, {*spec.columns, *columns})}
    mapped = {field: spec.columns.get(field, field) for field in form.fields if field not in unused}
    plain = ", or take format: text, which plain texts have" if columns == ["text"] else ""
    for field, column in mapped.items():
        if column not in columns and (field not in form.optional or field in spec.columns):
            raise UserError(
                f"{origin}: there is no column '{column}', from which the field '{field}' is read; the columns are "
                f"{list_names(columns)}{_suggest(column, columns)}. Name one of them in {key}.{field}{plain}."
            )
    for name in spec.keep:
        if name not in columns:
            raise UserError(
                f"{origin}: there is no column {shorten(name)} to keep; the columns are "
                f"{list_names(columns)}{_suggest(name, columns)}. Name one of them in datasets.{dataset}.prepare.keep."
            )
    return {field: column for field, column in mapped.items() if column in columns}


def build_examples(rows: list[dict], spec: PrepareSpec, columns: dict[str, str], origin: str) -> list[Example]:
    """Build the examples of one file.

    Args:
        columns: the column of each field, from `map_columns`.
        origin: the file, for the message about a bad row.

    Raises:
        UserError: at the first row that cannot be used.
    """
    read = READERS[FORMATS[spec.format].read]
    examples = []
    for number, row in enumerate(rows, start=1):
        values = {field: row[column] for field, column in columns.items()}
        try:
            example = read(values, spec)
            if spec.train_on == "last" and example.messages:
                example = replace(example, messages=tuple(turns.count_last_only(list(example.messages))))
            examples.append(replace(example, columns=keep_columns(row, spec.keep)))
        except BadField as bad:
            name = bad.field.partition("[")[0]
            column = f" (column '{columns[name]}')" if columns.get(name, name) != name else ""
            raise UserError(
                f"{origin}, row {number}, field '{bad.field}'{column}: expected {bad.expected}, "
                f"found {describe(bad.found)}. Mend or remove the row, or map another column."
            ) from None
    return examples


def read_text(values: dict[str, Any], spec: PrepareSpec) -> Example:
    """Read a plain text, from the format's only field."""
    (field,) = FORMATS[spec.format].fields
    return Example(check_text(values[field], field), ())


def read_pair(
    values: dict[str, Any],
    spec: PrepareSpec,
    read_answer: Callable[[Any, str], tuple[str, str | None]] = lambda value, field: (check_text(value, field), None),
) -> Example:
    """Read a question and its answer, from the first and the last of the format's fields.

    Args:
        read_answer: returns the reply to learn, and the number to check if there is one, of a field's value and name.
    """
    fields = FORMATS[spec.format].fields
    values = _add_input(values, fields[0])
    question = check_text(values[fields[0]], fields[0])
    reply, number = read_answer(values[fields[-1]], fields[-1])
    shown = worked_answers.ONE_SHOT if spec.one_shot and number is not None else ()
    pair = [*shown, {"role": "user", "content": question}, {"role": "assistant", "content": reply}]
    return Example(question, _complete(pair, values, spec), number)


def read_prompt(values: dict[str, Any], spec: PrepareSpec) -> Example:
    """Read a prompt and its completion: two texts, or two lists of turns, of which the completion's are learnt."""
    asked, field = FORMATS[spec.format].fields
    if not isinstance(values[asked], list):
        return read_pair(values, spec)
    prompt = turns.read_turns(values[asked], asked, turns.MESSAGES)
    prompt = [(place, turns.silence(turn)) for place, turn in prompt]
    placed = [*prompt, *turns.read_turns(values[field], field, turns.MESSAGES)]
    return _build_conversation(turns.order_turns(placed, field, turns.MESSAGES), values, spec)


def read_conversation(values: dict[str, Any], spec: PrepareSpec, naming: turns.Naming) -> Example:
    """Read a list of turns, from the first of the format's fields."""
    field = FORMATS[spec.format].fields[0]
    placed = turns.read_turns(values[field], field, naming, least=2)
    if not is_absent(values.get("tools")) and values["tools"] != "[]":  # a list may be written as text
        expected = "nothing, as templates are given no tools (describe them in the system turn, or map another column)"
        raise BadField("tools", expected, values["tools"])
    return _build_conversation(turns.order_turns(placed, field, naming), values, spec)


def read_preferred(values: dict[str, Any], spec: PrepareSpec) -> Example:
    """Read a question with a chosen and a rejected answer, or with one answer and its label."""
    messages, rejected, label = read_preference(_add_input(values, "prompt"))
    return replace(_build_conversation(messages, values, spec), rejected=rejected, label=label)


# `Format.read` → the function that builds an example of a row's fields, and raises `BadField` if it cannot
READERS: dict[str, Callable[[dict[str, Any], PrepareSpec], Example]] = {
    "pair": read_pair,
    "worked_answer": partial(read_pair, read_answer=worked_answers.read_worked_answer),
    "number": partial(read_pair, read_answer=worked_answers.read_number),
    "prompt": read_prompt,
    "messages": partial(read_conversation, naming=turns.MESSAGES),
    "sharegpt": partial(read_conversation, naming=turns.SHAREGPT),
    "preference": read_preferred,
    "text": read_text,
}


def _build_conversation(messages: list[turns.Turn], values: dict[str, Any], spec: PrepareSpec) -> Example:
    messages = _complete(messages, values, spec)
    question = "\n\n".join(message["content"] for message in messages if message["role"] == "user")
    return Example(question, messages)


def _complete(messages: list[turns.Turn], values: dict[str, Any], spec: PrepareSpec) -> tuple[turns.Turn, ...]:
    """Return ordered turns with the system message: their own, the row's or the config's; a blank one is left out."""
    if messages[0]["role"] == "system":
        return tuple(messages if messages[0]["content"] else messages[1:])
    own = values.get("system")
    system = find_system(spec) if is_absent(own) else check_text(own, "system")
    return tuple(messages if system is None else [{"role": "system", "content": system}, *messages])


def _add_input(values: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a row's fields with the `input`, if there is one, below the instruction that is about it."""
    if is_absent(values.get("input")) or not isinstance(values.get(field), str):
        return values
    return values | {field: f"{check_text(values[field], field)}\n{check_text(values['input'], 'input')}"}


def _list_unused(form: Format, present: set[str]) -> list[str]:
    """List the fields of the groups that a data set lacks; of a format's groups it has one, which may be the first."""
    groups = [fields for _, fields in form.either]
    own = next((fields for fields in groups if present.intersection(fields)), groups[0] if groups else ())
    return [field for fields in groups if fields != own for field in fields]


def _suggest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """Write the known word that looks most like an unknown one, whatever their case, if one does."""
    # cut, because comparing takes the product of the lengths, and names in a broken file may be of any length
    folded = {name.strip().lower()[:60]: name for name in known}
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.5)
    return f" (did you mean {shorten(folded[close[0]])}?)" if close else ""
