"""Guess the format of rows from the names and values of their columns; the project's readers check the guess.

A column with a telling name is taken whatever its values are, so that the readers name the value that is no text.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tunelab.config.formats import FORMATS, LABELLED, PAIRED
from tunelab.config.wording import refuse_name
from tunelab.data.fields import BadField, is_absent
from tunelab.data.preferences import read_label
from tunelab.errors import UserError
from tunelab.numbers import normalise_number
from tunelab.values import describe, list_names, name_type, shorten

Row = dict[str, Any]
Found = tuple[str, dict[str, str], bool]
# usual names of columns, the likeliest first; ambiguous names (OTHER_…) count for columns of texts only
CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns", "chosen")
QUESTIONS = ("instruction", "question", "prompt", "query", "problem", "问题", "提问", "指令")
SPEAKERS = ("user", "human")
OTHER_QUESTIONS = (*SPEAKERS, "source", "input", "title", "text", "输入")
CONTEXTS = ("input", "context", "输入")
ANSWERS = ("output", "answer", "completion", "response", "reply", "solution", "chosen", "回答", "答案", "输出", "回复")
OTHER_ANSWERS = ("target", "assistant", "bot", "label", "summary")
NUMBERING = ("id", "uid", "uuid", "idx", "index")
# field of another format → field of preferences
PREFERENCE = {
    **dict.fromkeys(("question", "instruction", "prompt"), "prompt"),
    **dict.fromkeys(("answer", "output", "completion", "messages", "conversations"), "completion"),
    "input": "input",
    "system": "system",
}
# keys of a conversation's turns → format
TURNS = {("role", "content"): "messages", ("from", "value"): "sharegpt"}
LABELS = ("label", "kto_tag")
# parts of the names of columns that rate an answer, and of those where true means that the answer is bad
RATING = ("thumb", "feedback", "rating", "liked", "vote", "score", "reward", "reaction", "desirable", "preferred")
AGAINST = ("down", "dis", "un", "reject", "bad", "neg")
NEARLY_ALL = 0.9
# what to add to a study of other rows: a run that trains on the texts, and one that starts from that
WRITTEN = (
    "datasets: {{texts: {{fetch: {{source: local, files: [{place}]}}, prepare: {{format: text{columns}}}}}}} and "
    "runs: {{reading: {{like: lora, label: Reading, dataset: texts}}, "
    "both: {{like: lora, label: Reading and LoRA, init_from: reading, adapter: null}}}}"
)


class Guess(NamedTuple):
    """A format, the columns of fields that have other names, the columns that are read, and those that are not."""

    format: str
    columns: dict[str, str]
    used: list[str]
    unused: list[str]
    sure: bool


class Named(NamedTuple):
    """Columns named by the user; blank if they are to be guessed."""

    question: str = ""
    answer: str = ""


UNNAMED = Named()


def guess_format(rows: Sequence[Row], columns: Sequence[str], place: str, named: Named = UNNAMED) -> Guess:
    """Guess the format of rows.

    place: where the rows are from, for messages; named: the user's columns of question and answer.

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
    """Name the columns that hold no texts, with their types."""
    others = [f"{column}: {name_type(value)}" for column, value in shown.items() if not isinstance(value, str)]
    return f" ({list_names(others, quoted=False)})" if others else ""


def _add_label(found: Found, rows: Sequence[Row], shown: Row, place: str) -> Found:
    """Read rows of single answers as preferences if a column labels the answers as good or bad."""
    format_name, mapped, sure = found
    label = find_label(rows, shown, mapped.values(), place) if format_name != "preference" else None
    if label is None:
        return found
    columns = {field: mapped.get(field, field) for field in FORMATS[format_name].fields}
    given = {PREFERENCE[field]: column for field, column in columns.items() if field in PREFERENCE and column in shown}
    return "preference", given | {"label": label}, sure


def _guess_preference(shown: Row, place: str, named: Named) -> Found | None:
    """Find a chosen and a rejected answer, or an answer and its label, by TRL's names."""
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
    shown = shown | {
        column: None for column in named if column and column not in shown
    }  # a named column that is blank in all rows
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
    """Return the two columns if just two hold texts, in the file's order unless a name tells which is which."""
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
    """Return the first value that is not blank; a blank one if no row has another."""
    return next((row[column] for row in rows if not is_absent(row[column])), None)


def _pick(columns: Iterable[str], wanted: Sequence[str]) -> str | None:
    """Return the column whose name comes first among the wanted ones, whatever its case."""
    folded = {column.strip().lower(): column for column in columns}
    return next((folded[name] for name in wanted if name in folded), None)


def find_label(rows: Sequence[dict], shown: Collection[str], used: Collection[str], place: str) -> str | None:
    """Return the column that labels answers as good or bad, as people's feedback does; None if there is none.

    shown: the columns that are not blank; used: those that are read already; place: where the rows are from.

    Raises:
        UserError: if a column rates answers in another way, since good and bad answers would be learnt alike.
    """
    names = {column: column.strip().lower() for column in shown if column not in used}
    rating = [column for column, name in names.items() if name in LABELS or any(word in name for word in RATING)]
    told = {column: _find_unread(rows, column) for column in rating}
    clear = [column for column in rating if told[column] is None and not _is_against(names[column])]
    if clear:
        return min(clear, key=lambda column: names[column] not in LABELS)
    for column in rating:
        if names[column] in LABELS:  # a name that can mean many other things
            continue
        number = told[column] or 1
        raise UserError(
            f"DATA: {place}, row {number}, column {shorten(column)}: {describe(rows[number - 1][column])} seems to "
            "rate the answer, and answers that nobody wants would be learnt like the others. Write true for wanted "
            "ones and false for the rest in a column 'label', or leave the column out."
        )
    return None


def _find_unread(rows: Sequence[dict], column: str) -> int | None:
    """Return the number of the first row whose value cannot be read as a label."""
    for number, row in enumerate(rows, 1):
        try:
            if not is_absent(row[column]):
                read_label(row[column])
        except BadField:
            return number
    return None


def _is_against(name: str) -> bool:
    return any(word in name for word in AGAINST)


def is_worked(answers: Iterable[Any]) -> bool:
    """Tell whether most answers are worked solutions with GSM8K's mark before the number."""
    marked = [isinstance(answer, str) and "####" in answer for answer in answers]
    return sum(marked) > len(marked) / 2


def are_numbers(answers: Sequence[Any]) -> bool:
    """Tell whether nearly all answers are bare numbers; the reader names the others."""
    plain = [
        normalise_number(str(answer)) is not None
        for answer in answers
        if not is_absent(answer) and not isinstance(answer, bool | list | dict)
    ]
    return bool(plain) and sum(plain) >= NEARLY_ALL * len(answers)


def refuse_texts(telling: Sequence[str], shown: Mapping[str, Any], place: str) -> None:
    """Raise `UserError` if the only column besides row numbers holds plain texts, which ask no question.

    telling: the columns that are no row numbers; shown: a value of each column; place: where the rows are from.
    """
    if len(telling) != 1 or not isinstance(shown.get(telling[0]), str):
        return
    columns = "" if telling[0] == "text" else f", columns: {{text: {telling[0]}}}"
    raise UserError(
        f"DATA: {place} holds plain texts (column {telling[0]!r}), which ask nothing that a study could compare. Begin "
        f"one with rows that ask, and write into its config {WRITTEN.format(place=place, columns=columns)}; name both "
        "in study.runs, and [both, lora] in comparison.contrasts."
    )
