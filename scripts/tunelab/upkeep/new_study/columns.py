"""Guess the format of rows from their columns and from what stands in them; the project's readers judge the guess.

A column whose name says what it is, is taken whatever stands in it, so that the readers name the value that is no text.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tunelab.config.formats import FORMATS, LABELLED, PAIRED
from tunelab.config.wording import refuse_name
from tunelab.data.fields import is_absent
from tunelab.errors import UserError
from tunelab.numbers import normalise_number
from tunelab.upkeep.new_study.labels import find_label
from tunelab.values import list_names, name_type, shorten

# Tell by the answers themselves whether they are worked sums, or numbers alone.


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


# Say how plain texts come into a study, since they alone ask nothing that it could compare.


# what a study that was begun with other rows is given: a run that reads the texts, and one that goes on from it
WRITTEN = (
    "datasets: {{texts: {{fetch: {{source: local, files: [{place}]}}, prepare: {{format: text{columns}}}}}}} and "
    "runs: {{reading: {{like: lora, label: Reading, dataset: texts}}, "
    "both: {{like: lora, label: Reading and LoRA, init_from: reading, adapter: null}}}}"
)


def refuse_texts(telling: Sequence[str], shown: Mapping[str, Any], place: str) -> None:
    """Raise `UserError` if there is one column that is no numbering, and it holds texts.

    telling: such columns; shown: a value of each column that has any; place: what the rows are from.
    """
    if len(telling) != 1 or not isinstance(shown.get(telling[0]), str):
        return
    columns = "" if telling[0] == "text" else f", columns: {{text: {telling[0]}}}"
    raise UserError(
        f"DATA: {place} holds plain texts (column {telling[0]!r}), which ask nothing that a study could compare. Begin "
        f"one with rows that ask, and write into its config {WRITTEN.format(place=place, columns=columns)}; name both "
        "in study.runs, and [both, lora] in comparison.contrasts."
    )


Row = dict[str, Any]
Found = tuple[str, dict[str, str], bool]
# how people call the columns, the likeliest first; names that mean other things too are taken for columns of texts only
CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns", "chosen")
QUESTIONS = ("instruction", "question", "prompt", "query", "problem", "问题", "提问", "指令")
SPEAKERS = ("user", "human")
OTHER_QUESTIONS = (*SPEAKERS, "source", "input", "title", "text", "输入")
CONTEXTS = ("input", "context", "输入")
ANSWERS = (
    *("output", "answer", "completion", "response", "reply", "solution", "chosen", "回答", "答案", "输出", "回复"),
)
OTHER_ANSWERS = ("target", "assistant", "bot", "label", "summary")
NUMBERING = ("id", "uid", "uuid", "idx", "index")
# a format's field → that of preferences
PREFERENCE = {
    **dict.fromkeys(("question", "instruction", "prompt"), "prompt"),
    **dict.fromkeys(("answer", "output", "completion", "messages", "conversations"), "completion"),
    **{name: name for name in ("input", "system")},
}
# a conversation's turn by turn keys → format
TURNS = {("role", "content"): "messages", ("from", "value"): "sharegpt"}


class Guess(NamedTuple):
    """A format, its fields whose columns are called otherwise, the columns that are read, and those that are not."""

    format: str
    columns: dict[str, str]
    used: list[str]
    unused: list[str]
    sure: bool


class Named(NamedTuple):
    """Columns that someone names; blank where they are to be found."""

    question: str = ""
    answer: str = ""


UNNAMED = Named()


def guess_format(rows: Sequence[Row], columns: Sequence[str], place: str, named: Named = UNNAMED) -> Guess:
    """Guess how rows are to be read.

    place: what the rows are from, for the sentence; named: the columns that someone says are question and answer.

    Raises:
        UserError: if no columns look like a question and its answer, or like a conversation; if two answers have none;
            if a named column is not there.
    """
    for option, column in named._asdict().items():
        if column and column not in columns:
            problem = f"{option.upper()}: {place} has no column {shorten(column)}"
            raise UserError(f"{refuse_name(problem, column, columns)}. Its columns are {list_names(columns)}.")
    shown = {column: value for column in columns if (value := _find_first(rows, column)) is not None}
    found = None if named.answer else _guess_preference(shown, place, named)
    found = found or (
        _guess_pair(rows, shown, named) if any(named) else _guess_turns(shown) or _guess_pair(rows, shown)
    )
    if found is None:
        refuse_texts([name for name in columns if name.strip().lower() not in NUMBERING], shown, place)
        raise UserError(
            f"DATA: {place} has the columns {list_names(columns)}{_tell_kinds(shown)}, and none look like a question "
            "and its answer (question and answer, instruction and output, prompt and completion) or a conversation "
            "(messages, conversations). Name them: make new-study … QUESTION=column ANSWER=column, which sets "
            "prepare.columns."
        )
    format_name, mapped, sure = _add_label(found, rows, shown, place)
    fields = [mapped.get(field, field) for field in FORMATS[format_name].fields]
    different = {field: column for field, column in mapped.items() if field != column}
    used = [name for name in fields if name in columns]
    return Guess(format_name, different, used, [name for name in columns if name not in used], sure)


def _tell_kinds(shown: Row) -> str:
    """Say which columns hold no texts, as only texts and lists of turns are read."""
    others = [f"{column}: {name_type(value)}" for column, value in shown.items() if not isinstance(value, str)]
    return f" ({list_names(others, quoted=False)})" if others else ""


def _add_label(found: Found, rows: Sequence[Row], shown: Row, place: str) -> Found:
    """Return rows of single answers as preferences, if a column says which of the answers are wanted."""
    format_name, mapped, sure = found
    label = find_label(rows, shown, mapped.values(), place) if format_name != "preference" else None
    if label is None:
        return found
    columns = {field: mapped.get(field, field) for field in FORMATS[format_name].fields}
    given = {PREFERENCE[field]: column for field, column in columns.items() if field in PREFERENCE and column in shown}
    return "preference", given | {"label": label}, sure


def _guess_preference(shown: Row, place: str, named: Named) -> Found | None:
    """Find a chosen and a rejected answer, or an answer and its label, under the names that TRL has for them."""
    folded = {column.strip().lower(): column for column in shown}
    kind = LABELLED if folded.keys() >= {"prompt", *LABELLED} else PAIRED
    if not folded.keys() >= set(kind):
        return None
    answers = {field: folded[field] for field in kind}
    others = [column for column in folded.values() if column not in answers.values()]
    asked = named.question or (folded["prompt"] if kind == LABELLED else _pick(others, (*QUESTIONS, *SPEAKERS)))
    if question := asked:
        context = _pick([column for column in others if column != question], CONTEXTS)
        return "preference", {"prompt": question} | answers | ({"input": context} if context else {}), True
    begins = all(isinstance(shown[column], list) and len(shown[column]) > 1 for column in answers.values())
    if not begins:
        raise UserError(
            f"DATA: {place} has a chosen and a rejected answer but no column with the question. Name it, "
            "QUESTION=column, or bring it as a text or a list of turns in a column prompt, or as the turns that "
            "both answers begin with."
        )
    return "preference", answers, True


def _guess_turns(shown: Row) -> Found | None:
    kinds = {column: kind for column, value in shown.items() if (kind := _find_kind(value))}
    if kinds.get("prompt") == kinds.get("completion") == "messages":
        return "prompt_completion", {}, True
    if column := _pick(kinds, CONVERSATIONS) or next(iter(kinds), None):
        return kinds[column], {FORMATS[kinds[column]].fields[0]: column}, True
    return None


def _guess_pair(rows: Sequence[Row], shown: Row, named: Named = UNNAMED) -> Found | None:
    shown = shown | {column: None for column in named if column and column not in shown}  # one that is blank throughout
    texts = [column for column, value in shown.items() if isinstance(value, str) and column != named.question]
    free = [column for column in shown if column != named.question]
    answer = named.answer or _pick(free, ANSWERS) or _pick(texts, OTHER_ANSWERS) or _pick(free, OTHER_ANSWERS)
    others = [column for column in shown if column != answer]
    asked = _pick(others, QUESTIONS) or _pick([column for column in others if column in texts], OTHER_QUESTIONS)
    question = named.question or asked
    sure = bool(question and answer)
    if not sure:
        question, answer = _complete(shown, question, answer)
    if not (question and answer):
        return None
    others = [column for column in shown if column not in (question, answer)]
    if is_worked([row[answer] for row in rows]):
        return "gsm8k", {"question": question, "answer": answer}, sure
    if answer in (named.answer, _pick(shown, ANSWERS)) and are_numbers([row.get(answer) for row in rows]):
        return "maths", {"question": question, "answer": answer}, sure
    context = _pick(others, CONTEXTS)
    if question.strip().lower() in ("instruction", "指令") or context:
        fields = {"instruction": question, "output": answer}
        return "instruction", fields | ({"input": context} if context else {}), sure
    if (question, answer) == ("prompt", "completion"):
        return "prompt_completion", {}, sure
    return "question_answer", {"question": question, "answer": answer}, sure


def _complete(shown: Row, question: str | None, answer: str | None) -> tuple[str | None, str | None]:
    """Return the pair when only two columns have texts, in the file's order if neither has a name that tells."""
    plain = [column for column in shown if column.strip().lower() not in NUMBERING]
    texts = [column for column in plain if isinstance(shown[column], str)]
    if len(texts) != 2 or any(isinstance(shown[column], list | dict) for column in plain):
        return question, answer
    first, second = texts if answer != texts[0] and question != texts[1] else reversed(texts)
    return first, second


def _find_kind(value: Any) -> str | None:
    """Return the format of a list of turns; None for anything else."""
    first = value[0] if isinstance(value, list) and value else None
    if not isinstance(first, dict):
        return None
    return next((name for keys, name in TURNS.items() if first.keys() >= set(keys)), None)


def _find_first(rows: Sequence[Row], column: str) -> Any:
    """Return the first value that says something; a blank one if no row has another."""
    return next((row[column] for row in rows if not is_absent(row[column])), None)


def _pick(columns: Iterable[str], wanted: Sequence[str]) -> str | None:
    """Return the column whose name comes first among the wanted ones, whatever its case."""
    folded = {column.strip().lower(): column for column in columns}
    return next((folded[name] for name in wanted if name in folded), None)
