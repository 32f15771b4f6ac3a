"""Guess the format of rows from their columns and from what stands in them; the project's readers judge the guess."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tunelab.config.row_fields import FIELDS, LABELLED, PAIRED
from tunelab.data.fields import is_absent
from tunelab.errors import UserError
from tunelab.values import list_names

Row = dict[str, Any]
# how people call the columns, the likeliest first
CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns", "chosen")
QUESTIONS = (
    *("instruction", "question", "prompt", "query", "problem", "user", "human", "source", "input", "title", "text"),
    *("问题", "提问", "指令", "输入"),
)
CONTEXTS = ("input", "context", "输入")
ANSWERS = (
    *("output", "answer", "completion", "response", "reply", "solution", "target", "assistant", "bot", "chosen"),
    *("label", "summary", "回答", "答案", "输出", "回复"),
)
# a conversation's turn by turn keys → format
TURNS = {("role", "content"): "messages", ("from", "value"): "sharegpt"}


class Guess(NamedTuple):
    """A format, its fields whose columns are called otherwise, the columns that are read, and those that are not."""

    format: str
    columns: dict[str, str]
    used: list[str]
    unused: list[str]
    sure: bool


def guess_format(rows: Sequence[Row], columns: Sequence[str], place: str) -> Guess:
    """Guess how rows are to be read.

    place: what the rows are from, for the sentence.

    Raises:
        UserError: if no columns look like a question and its answer, or like a conversation; if two answers have none.
    """
    shown = {column: _find_first(rows, column) for column in columns}
    found = _guess_preference(shown, place) or _guess_turns(shown) or _guess_pair(rows, shown)
    if found is None:
        raise UserError(
            f"DATA: {place} has the columns {list_names(columns)}, and none look like a question and its answer "
            "(question and answer, instruction and output, prompt and completion) or a conversation (messages, "
            "conversations). Rename its columns to such a pair."
        )
    format_name, mapped, sure = found
    fields = [mapped.get(field, field) for field in FIELDS[format_name]]
    different = {field: column for field, column in mapped.items() if field != column}
    used = [name for name in fields if name in columns]
    return Guess(format_name, different, used, [name for name in columns if name not in used], sure)


def _guess_preference(shown: Row, place: str) -> tuple[str, dict[str, str], bool] | None:
    """Find a chosen and a rejected answer, or an answer and its label, under the names that TRL has for them."""
    folded = {column.strip().lower(): column for column, value in shown.items() if not is_absent(value)}
    if folded.keys() >= {"prompt", *LABELLED}:
        return "preference", {field: folded[field] for field in ("prompt", *LABELLED)}, True
    if not folded.keys() >= set(PAIRED):
        return None
    answers = {field: folded[field] for field in PAIRED}
    others = [column for column in folded.values() if column not in answers.values()]
    if question := _pick([column for column in others if isinstance(shown[column], str | list)], QUESTIONS[:7]):
        return "preference", {"prompt": question} | answers, True
    begins = all(isinstance(shown[column], list) and len(shown[column]) > 1 for column in answers.values())
    if not begins:
        raise UserError(
            f"DATA: {place} has a chosen and a rejected answer but no column with the question. Bring it as a text or "
            "a list of turns in a column prompt, or as the turns that both answers begin with."
        )
    return "preference", answers, True


def _guess_turns(shown: Row) -> tuple[str, dict[str, str], bool] | None:
    kinds = {column: kind for column, value in shown.items() if (kind := _find_kind(value))}
    if kinds.get("prompt") == kinds.get("completion") == "messages":
        return "prompt_completion", {}, True
    if column := _pick(kinds, CONVERSATIONS) or next(iter(kinds), None):
        return kinds[column], {"messages" if kinds[column] == "messages" else "conversations": column}, True
    return None


def _guess_pair(rows: Sequence[Row], shown: Row) -> tuple[str, dict[str, str], bool] | None:
    texts = [column for column, value in shown.items() if isinstance(value, str)]
    answer = _pick(texts, ANSWERS)
    question = _pick([column for column in texts if column != answer], QUESTIONS)
    sure = bool(question and answer)
    if not sure:
        question, answer = _complete(texts, question, answer)
    if not (question and answer):
        return None
    others = [column for column in texts if column not in (question, answer)]
    if _is_worked([row[answer] for row in rows]):
        return "gsm8k", {"question": question, "answer": answer}, sure
    context = _pick(others, CONTEXTS)
    if question.strip().lower() in ("instruction", "指令") or context:
        fields = {"instruction": question, "output": answer}
        return "instruction", fields | ({"input": context} if context else {}), sure
    if (question, answer) == ("prompt", "completion"):
        return "prompt_completion", {}, sure
    return "question_answer", {"question": question, "answer": answer}, sure


def _complete(texts: list[str], question: str | None, answer: str | None) -> tuple[str | None, str | None]:
    """Return the pair when only two columns have texts, in the file's order if neither has a name that tells."""
    if len(texts) != 2:
        return question, answer
    first, second = texts if answer != texts[0] and question != texts[1] else reversed(texts)
    return first, second


def _is_worked(answers: Iterable[Any]) -> bool:
    """Tell whether most answers end in a number behind GSM8K's mark."""
    marked = [isinstance(answer, str) and "####" in answer for answer in answers]
    return sum(marked) > len(marked) / 2


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
