"""The formats of data sets: one record each, from which all else that tells formats apart is read.

To add a format, see CONTRIBUTING.md. The functions that read rows stand in `data/formats.py`.
"""

from typing import Any, Literal, NamedTuple


class Rows(NamedTuple):
    """What can be done with rows of one kind."""

    teaches: tuple[str, ...]  # what methods can learn from them (`Method.learns_from`)
    tasks: tuple[str, ...]  # the kinds of task that can ask them


ROWS = {
    "conversations": Rows(teaches=("answers", "teacher"), tasks=("text",)),
    "numbers": Rows(teaches=("answers", "rewards", "teacher"), tasks=("maths", "text")),
    "preferences": Rows(teaches=("answers", "pairs", "labels", "teacher"), tasks=("text",)),
    "texts": Rows(teaches=("answers",), tasks=()),
}


class Format(NamedTuple):
    """A format: the fields of its rows, what the rows are, and which function reads them."""

    fields: tuple[str, ...]  # what `prepare.columns` may map; of question and answer, they are the first and the last
    rows: Literal["conversations", "numbers", "preferences", "texts"]  # numbers: questions with a number to check
    read: str  # the reader's name in `READERS` (`data/formats.py`)
    about: str  # what is learnt of a row, for messages and for the schema
    optional: tuple[str, ...] = ()  # fields that a data set may lack
    either: tuple[tuple[str, tuple[str, ...]], ...] = ()  # groups of fields, named; a data set has one of them

    @property
    def teaches(self) -> tuple[str, ...]:
        """What methods can learn from its rows."""
        return ROWS[self.rows].teaches

    @property
    def tasks(self) -> tuple[str, ...]:
        """The kinds of task that can ask its rows."""
        return ROWS[self.rows].tasks


PAIRED, LABELLED = ("chosen", "rejected"), ("completion", "label")
FORMATS = {
    "instruction": Format(
        fields=("instruction", "input", "output"),
        rows="conversations",
        read="pair",
        about="the output, a text",
        optional=("input",),
    ),
    "question_answer": Format(
        fields=("question", "answer"),
        rows="conversations",
        read="pair",
        about="the answer, a text",
    ),
    "prompt_completion": Format(
        fields=("prompt", "completion"),
        rows="conversations",
        read="prompt",
        about="the completion, a text or a list of turns",
    ),
    "messages": Format(
        fields=("messages", "tools"),
        rows="conversations",
        read="messages",
        about="the assistant's turns, of role and content",
        optional=("tools",),
    ),
    "sharegpt": Format(
        fields=("conversations", "system", "tools"),
        rows="conversations",
        read="sharegpt",
        about="the assistant's turns, of from and value",
        optional=("system", "tools"),
    ),
    "gsm8k": Format(
        fields=("question", "answer"),
        rows="numbers",
        read="worked_answer",
        about="worked steps, then #### 18",
    ),
    "maths": Format(
        fields=("question", "answer"),
        rows="numbers",
        read="number",
        about="18 alone",
    ),
    "preference": Format(
        fields=("prompt", "input", *PAIRED, *LABELLED, "system"),
        rows="preferences",
        read="preference",
        about="which answers are preferred",
        optional=("prompt", "input", "system"),
        either=(("chosen and rejected answers", PAIRED), ("a completion and its label", LABELLED)),
    ),
    "text": Format(
        fields=("text",),
        rows="texts",
        read="text",
        about="all of the text",
    ),
}


def find_format(config: Any, dataset: str) -> Format:
    """Return the format of one of a config's data sets."""
    return FORMATS[config.datasets[dataset].prepare.format]


def list_formats(rows: str) -> list[str]:
    """List the formats whose rows are of one kind."""
    return [name for name, found in FORMATS.items() if found.rows == rows]


def describe_formats() -> str:
    """List the formats with their fields and with what is learnt, for the schema."""
    listed = (f"{name} ({', '.join(found.fields)}): {found.about}" for name, found in FORMATS.items())
    return f"The fields of a row, and what is learnt of it. {'; '.join(listed)}."


def explain_numbers() -> str:
    """Say which formats have numbers to check, behind the name of a data set of another format."""
    known = " and ".join(f"{name} ({FORMATS[name].about})" for name in list_formats("numbers"))
    return f"has no numbers to check; those of format {known} have"
