"""What `results.json` says of test rows that training data hold as well, and of the numbers without them."""

from typing import Literal

from pydantic import Field

from tunelab.comparison.rows import Number, Record, Verdict


class Overlap(Record):
    """What a task's test rows share with the rows that some run was trained on or chosen by."""

    task: str
    dataset: str = Field(description="The data set whose training and validation rows are meant.")
    rows: int = Field(description="Test rows of the task.")
    texts: bool = Field(False, description="Whether it is one of plain texts, in which a question stands somewhere.")
    exact: int = Field(description="Test rows whose question stands there as it is.")
    ngram13: int = Field(description="Those, and rows that share 13 words (characters of Chinese) in a row with it.")
    near: int = Field(
        description="Those, and rows of which some question there has 5-grams at a Jaccard of 0.8 or more (or some "
        "text 0.8 of their own)."
    )


class Twins(Record):
    """How many of a task's test rows have a twin among these rows: one of nearly the same words (5-grams as above)."""

    task: str
    dataset: str
    rows: int = Field(description="Test rows of the task.")
    numbers: Literal["kept", "masked"] = Field(description="masked: all numbers are read as the same one.")
    question: int = Field(description="Test rows whose question has a twin.")
    answer: int = Field(description="Test rows whose answer has a twin.")
    both: int = Field(description="Test rows with a twin in question and answer, one and the same row.")
    usual: int = Field(description="Training rows that have such a twin among the other training rows.")
    usual_of: int = Field(description="How many training rows were looked at for that, the first.")


class Left(Record):
    """How many of a task's test rows stay without those that training data shares."""

    task: str
    without: Literal["ngram13", "near"] = Field(description="Which rows are left out: see `Overlap`.")
    rows: int = Field(description="Test rows of the task.")
    left: int
    enough: bool = Field(description="Whether so few rows can still tell two runs apart; if not, nothing is estimated.")


class Cleaned(Number):
    """A task's first metric without the rows that the training data of some run of the study shares."""

    run: str
    task: str
    metric: str
    without: Literal["ngram13", "near"] = Field(description="Which rows are left out: see `Overlap`.")
    sources: list[str]


class CleanedContrast(Number):
    """A declared difference on a task's first metric without these rows."""

    run: str
    against: str
    task: str
    metric: str
    without: Literal["ngram13", "near"]
    p_corrected: float
    verdict: Verdict
    sources: list[str]
