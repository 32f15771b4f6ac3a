"""What `results.json` says of the kind of gain that a run made on a maths task."""

from typing import Literal

from pydantic import Field

from tunelab.comparison.rows import Number, Record, Verdict

Kind = Literal["beyond", "form", "sharper", "open", "same", "less", "undecided"]


class Gain(Record):
    """A declared difference of strict accuracy, split into a layout part and a skill part, which add up to it."""

    run: str
    against: str
    task: str
    split: Literal["layout", "lenient"] | None = Field(
        description="`layout`: by the layout share and the accuracy given the layout, of which each seed of both runs "
        "has enough. `lenient`: by the last number, which needs no layout. null: neither is possible."
    )
    total: Number
    layout: Number | None = Field(description="null: no split.")
    skill: Number | None = Field(description="null: no split.")
    sources: list[str]


class Tested(Number):
    """A difference with its test; margin: that of strict accuracy."""

    p_corrected: float = Field(description="Holm's correction among the declared pairs of the task.")
    verdict: Verdict


class GainKind(Record):
    """What a declared difference is in answers that were drawn: form, reliability or coverage. All is judged strictly.

    A run that is more reliable may have become sharper in what the other one knew already. So its drawn answers are
    held against the other's greedy and majority answers as well.
    """

    run: str
    against: str
    task: str
    samples: int = Field(description="N of mean@N: answers drawn to each question.")
    k: int = Field(description="K of maj@K and pass@K: the largest that the config names.")
    form: Tested = Field(description="Difference of the layout share (`strict_format`), on all rows.")
    reliability: Tested = Field(description="Difference of mean@N.")
    beyond_greedy: Tested = Field(description="mean@N minus the other's greedy `strict`, on the rows of both.")
    beyond_majority: Tested = Field(description="mean@N minus the other's maj@K.")
    coverage: Tested = Field(description="Difference of pass@K.")
    newly_solved: Number = Field(description="Share of questions that `run` got right in some draw, `against` in none.")
    no_longer_solved: Number = Field(description="The other way round.")
    kind: Kind = Field(
        description="From the verdicts. `beyond`: more reliable, and beyond greedy and majority answers by more than "
        "the layout can account for. `form`: the same, but the layout may account for it. `sharper`: more reliable, "
        "but no better than greedy or majority answers, with no more coverage. `open`: more reliable, the rest is not "
        "shown. `same`: equivalent. `less`: less reliable."
    )
    sources: list[str]
