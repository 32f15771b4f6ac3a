"""Define the rows of `results.json` about gains, repetition and contamination, and what all rows are made of."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Verdict = Literal["better", "worse", "equivalent", "undecided"]


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Number(Record):
    """A value with the ends of its 95 % interval and the number of items behind it."""

    value: float
    low: float
    high: float
    n: int = Field(description="Items (held-out rows or paragraphs).")
    interval: Literal["wilson", "clopper-pearson", "bootstrap", "crossed", "paired-bootstrap", "tango", "fieller"] = (
        Field(
            description="How the interval was made. `crossed` and `fieller` (of a ratio) resample seeds and items and "
            "are widened for few seeds, the others cover items only; `tango` is the score interval of a paired "
            "difference, taken where too few pairs differ for a bootstrap."
        )
    )


# Looks: tests of declared differences while seeds are added.


class LookTest(Number):
    """What a declared difference showed at a look, by that look's seeds alone; the interval is of its confidence."""

    run: str
    against: str
    task: str
    metric: str
    primary: bool
    p: float
    p_equivalence: float
    verdict: Verdict = Field(description="After this look, from all looks so far and after Holm's correction.")
    stopped: bool = Field(description="Whether the pair takes part in no further look, since its verdicts stand.")


class Look(Record):
    """A look that was taken: all declared pairs that had not stopped were tested with so many seeds."""

    number: int
    seeds: list[int]
    confidence: float
    tests: list[LookTest]
    changed: bool = Field(
        description="Whether the numbers are others than when the look was first taken, as the ledger has them."
    )


class Looks(Record):
    """How far the declared looks are."""

    of: int = Field(description="How many looks the config declares.")
    taken: list[Look]
    left: list[tuple[str, str]] = Field(description="Pairs, [run, against], that are not decided yet.")
    due: int | None = Field(description="The look that is next; null: all is decided, or the last one was taken.")


class Simulated(Record):
    """What looks, and one test with all seeds, found in studies of `make simulate-looks`, by the spread of seeds."""

    ratio: float = Field(description="Spread between seeds, in standard errors over rows.")
    false_alarms: float = Field(description="Share of studies without a difference in which looks found one.")
    fixed_false_alarms: float = Field(description="The same of one test with all seeds.")
    uncorrected_false_alarms: float = Field(description="The same of looks whose p-values are taken as they are.")
    found: float = Field(description="Share of true differences that looks found.")
    fixed_found: float
    seeds: float = Field(description="Mean number of seeds of a contrast with a true difference, of all `of`.")
    of: int
    contrasts: int = Field(description="Contrasts of each study.")


class Needed(Record):
    """What would decide a declared difference on a task's first metric, if it and the spreads are as measured."""

    run: str
    against: str
    task: str
    metric: str
    seeds: int = Field(description="Seeds that both runs have.")
    n: int = Field(description="Rows that both runs answered.")
    more_seeds: int | None = Field(description="So many seeds on the same rows; null: no 100 seeds would do.")
    more_rows: int | None = Field(description="So many rows with the same seeds; null: no 100,000 rows would do.")
    both: tuple[int, int] | None = Field(description="Seeds and rows, more of both, with the fewest answers.")


class Seen(Record):
    """Seeds with which the declared pairs had been tested and seen, before these seeds or looks were declared."""

    seeds: list[int]


# Gains on maths tasks.


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
    """The kind of a declared difference in drawn answers: form, reliability or coverage, all by strict accuracy.

    A run that is more reliable may only have become sharper in what the other run already knew. So its drawn answers
    are also compared with the other run's greedy and majority answers.
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


# Degenerate answers.


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


# Contamination: test rows that training data contains, and the numbers without them.


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
