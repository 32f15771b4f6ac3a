"""What `results.json` says of answers that are alike, or that repeat themselves."""

from typing import Literal

from pydantic import Field

from tunelab.comparison.rows import Record

Repetition = Literal["alike", "looping"]


class Sameness(Record):
    """How alike a run's answers to a task are, and how many repeat themselves: figures that change no verdict.

    Words are those that ROUGE-L compares (characters of Chinese); thoughts before answers are left out.
    """

    run: str | None = Field(description="null: the references themselves, on all rows of the task.")
    seed: int | None = Field(description="The training's seed; null for the references.")
    task: str
    n: int = Field(description="Answers.")
    distinct_1: float | None = Field(
        description="Different words over all words of all answers (distinct-1; Li et al., NAACL 2016): lower where "
        "answers are longer, so compare runs with answers of like length. null: there is no word."
    )
    distinct_2: float | None = Field(description="The same of words that follow each other (distinct-2).")
    alike: int = Field(description="Answers with the words of the commonest one.")
    commonest: str = Field(description="The commonest answer, as it was given first.")
    looping: int = Field(
        description="Answers of whose 4-grams most stood in the same answer before (after the repetition of Welleck "
        "et al., ICLR 2020)."
    )
    reference_alike: int = Field(
        description="References to the same rows with the words of the commonest one; of a maths task, those with the "
        "commonest number."
    )
    reference_looping: int = Field(description="References to the same rows that repeat themselves so.")
    degenerate: list[Repetition] = Field(
        description="In what the answers go beyond the references: Fisher's exact test, one-sided, at 5 %."
    )
    sources: list[str]
