"""Sections on data sets: where rows come from, and how they become messages or plain texts."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from tunelab.config.formats import FORMATS, describe_formats, list_formats
from tunelab.config.specs.base import Share, Spec
from tunelab.config.specs.sources import DatasetSource


class PrepareSpec(Spec):
    """How raw rows become chat messages or plain texts, and which rows are held out."""

    format: Literal[*FORMATS] = Field(json_schema_extra={"description": describe_formats()})  # too long for messages
    columns: dict[str, str] = Field(default_factory=dict, description="The format's field → the file's column.")
    system: str | None = Field(None, description="System message put before every conversation.")
    one_shot: bool = Field(
        False,
        description=" and ".join(list_formats("numbers")) + " only: show one worked example before the question.",
    )
    train_on: Literal["all", "last"] = Field(
        "all", description="Which of the assistant's turns training learns: all, or each conversation's last."
    )
    limit: PositiveInt | None = Field(None, description="Use only this many rows, drawn by the seed.")
    validation: Share | PositiveInt = Field(0.1, description="Share or number of rows for choosing checkpoints.")
    test: Share | PositiveInt = Field(
        0.1, description="Share or number of held-out rows; with the source's own test split, at most that many of it."
    )
    seed: NonNegativeInt = 42
    keep: tuple[str, ...] = Field(
        (), description="Further columns of the file, which rewards and metrics of your own are given by name."
    )

    @property
    def held_out(self) -> float | int:
        """The share or number of rows for tasks: none where no kind of task can ask them, as of plain texts."""
        return self.test if FORMATS[self.format].tasks else 0


class DatasetSpec(Spec):
    """A data set: where it comes from, and how it is prepared."""

    fetch: DatasetSource = Field(description="Where rows come from, such as {source: local, files: [my.jsonl]}.")
    prepare: PrepareSpec = Field(description="How rows become messages, such as {format: question_answer}.")
