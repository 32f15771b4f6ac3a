"""Turn rows of a data set's own format into chat messages or plain texts, checking every field on the way.

A bad row is never skipped or mended: it stops the stage with its file, row number, field and what was expected.
"""

import difflib
from dataclasses import dataclass, replace
from typing import Any

from tunelab.config.row_fields import CHECKABLE, FIELDS, LABELLED, PAIRED
from tunelab.config.specs.data import PrepareSpec
from tunelab.data import turns, worked_answers
from tunelab.data.fields import BadField, check_text, is_absent
from tunelab.data.kept import keep_columns
from tunelab.data.preferences import read_preference
from tunelab.errors import UserError
from tunelab.values import describe, list_names, shorten

OPTIONAL = {"input", "system", "tools"}


@dataclass(frozen=True)
class Example:
    """One row as chat: `question` is what the row's user says, by which rows count as duplicates.

    Of the messages, those with `weight` 0 are not learnt; what else they carry is for the chat template (`turns`). Of
    preferences, the last message is the chosen answer and `rejected` the other one, or `label` says whether it is
    wanted. `columns` are kept for the user's own rewards and metrics. A plain text is its own question, without
    messages.
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
        """List all that the row says; rows with equal parts are one row twice."""
        return [self.messages or self.question, self.answer, self.rejected, self.label]


def find_system(spec: PrepareSpec) -> str | None:
    """Return the system message of every row without its own; an empty one in the config means none."""
    if spec.system is None and spec.format in CHECKABLE:
        return worked_answers.SYSTEM_PROMPT
    return spec.system or None


def map_columns(spec: PrepareSpec, columns: list[str], dataset: str, origin: str) -> dict[str, str]:
    """Return the column of each of the format's fields, leaving out optional ones that the data set has not got."""
    key, fields = f"datasets.{dataset}.prepare.columns", FIELDS[spec.format]
    for field in spec.columns:
        if field not in fields:
            known = f"the format {spec.format} has the fields {', '.join(fields)}{_suggest(field, fields)}"
            raise UserError(f"{key}: '{field}' is no field of the format; {known}.")
    unused = _list_unused(spec, columns) if spec.format == "preference" else ()
    optional = OPTIONAL | ({"prompt"} if spec.format == "preference" else set())
    # a column that is named for another field is not read for the one of its name as well
    taken = {field for field in OPTIONAL - spec.columns.keys() if field in spec.columns.values()}
    mapped = {field: spec.columns.get(field, field) for field in fields if field not in {*unused, *taken}}
    plain = ", or take format: text, which plain texts have" if columns == ["text"] else ""
    for field, column in mapped.items():
        if column not in columns and (field not in optional or field in spec.columns):
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


def _list_unused(spec: PrepareSpec, columns: list[str]) -> tuple[str, ...]:
    """List the fields of the kind of preferences that a data set has not got: two answers, or one and its label."""
    paired, labelled = (
        any(field in spec.columns or field in columns for field in fields) for fields in (PAIRED, LABELLED)
    )
    return PAIRED if labelled and not paired else LABELLED


def build_examples(rows: list[dict], spec: PrepareSpec, columns: dict[str, str], origin: str) -> list[Example]:
    """Build the examples of one split; `origin` names its file in the sentence about a bad row."""
    system = find_system(spec)
    examples = []
    for number, row in enumerate(rows, start=1):
        values = {field: row[column] for field, column in columns.items()}
        try:
            example = _build_example(values, spec, system)
            examples.append(replace(example, columns=keep_columns(row, spec.keep)))
        except BadField as bad:
            name = bad.field.partition("[")[0]
            column = f" (column '{columns[name]}')" if columns.get(name, name) != name else ""
            raise UserError(
                f"{origin}, row {number}, field '{bad.field}'{column}: expected {bad.expected}, "
                f"found {describe(bad.found)}. Mend or remove the row, or map another column."
            ) from None
    return examples


def _build_example(values: dict[str, Any], spec: PrepareSpec, system: str | None) -> Example:
    """Build one example from a row's fields."""
    if spec.format == "text":
        return Example(check_text(values["text"], "text"), ())
    if spec.format == "preference":
        messages, rejected, label = read_preference(_add_input(values, "prompt"))
        return replace(_complete(messages, values, system), rejected=rejected, label=label)
    example = _build_conversation(values, spec, system) or _build_pair(values, spec, system)
    if spec.train_on == "last":
        return replace(example, messages=tuple(turns.count_last_only(list(example.messages))))
    return example


def _build_conversation(values: dict[str, Any], spec: PrepareSpec, system: str | None) -> Example | None:
    """Build the example of a row that holds turns, or return None."""
    if spec.format == "prompt_completion" and isinstance(values["prompt"], list):
        naming, field = turns.MESSAGES, "completion"
        asked = turns.read_turns(values["prompt"], "prompt", naming)
        asked = [(place, turn | {"weight": 0} if turn["role"] == "assistant" else turn) for place, turn in asked]
        placed = [*asked, *turns.read_turns(values[field], field, naming)]
    elif spec.format in ("messages", "sharegpt"):
        naming, field = (turns.MESSAGES, "messages") if spec.format == "messages" else (turns.SHAREGPT, "conversations")
        placed = turns.read_turns(values[field], field, naming, least=2)
    else:
        return None
    if not is_absent(values.get("tools")) and values["tools"] != "[]":  # a list may be written as text
        expected = "nothing, as templates are given no tools (describe them in the system turn, or map another column)"
        raise BadField("tools", expected, values["tools"])
    return _complete(turns.order_turns(placed, field, naming), values, system)


def _complete(messages: list[turns.Turn], values: dict[str, Any], system: str | None) -> Example:
    """Build the example of ordered turns, under the system message of the row or of the config."""
    if messages[0]["role"] == "system":
        messages = messages if messages[0]["content"] else messages[1:]
    else:
        messages = _with_system(_read_system(values, system), messages)
    question = "\n\n".join(message["content"] for message in messages if message["role"] == "user")
    return Example(question, tuple(messages))


def _read_system(values: dict[str, Any], system: str | None) -> str | None:
    own = values.get("system")
    return system if is_absent(own) else check_text(own, "system")


def _build_pair(values: dict[str, Any], spec: PrepareSpec, system: str | None) -> Example:
    """Build the example of a row that holds a question and its answer."""
    question_field, answer_field = FIELDS[spec.format][0], FIELDS[spec.format][-1]
    values = _add_input(values, question_field)
    question = check_text(values[question_field], question_field)
    if spec.format == "maths":
        reply, gold = worked_answers.read_number(values[answer_field])
    else:
        reply, gold = check_text(values[answer_field], answer_field), None
    shots: list[turns.Turn] = []
    if spec.format in CHECKABLE:
        if gold is None:
            reply, gold = worked_answers.read_worked_answer(reply)
        shots = list(worked_answers.ONE_SHOT) if spec.one_shot else []
    pair = [*shots, {"role": "user", "content": question}, {"role": "assistant", "content": reply}]
    return Example(question, tuple(_with_system(system, pair)), gold)


def _add_input(values: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a row's fields with what an instruction is about, if there is such a field, behind the instruction."""
    if is_absent(values.get("input")) or not isinstance(values.get(field), str):
        return values
    return values | {field: f"{check_text(values[field], field)}\n{check_text(values['input'], 'input')}"}


def _with_system(system: str | None, messages: list[turns.Turn]) -> list[turns.Turn]:
    return messages if system is None else [{"role": "system", "content": system}, *messages]


def _suggest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """Render the known word that looks most like an unknown one, in whatever case it is written, if one does."""
    # cut, because comparing takes the product of the lengths, and a broken file may have names without end
    folded = {name.strip().lower()[:60]: name for name in known}
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.5)
    return f" (did you mean {shorten(folded[close[0]])}?)" if close else ""
