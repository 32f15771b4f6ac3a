"""Define `results.json`: every number that the report may quote, with its interval, n, seeds and source files.

The models here are its documentation; `docs/results.schema.json` is generated from them. Shares are between 0 and 1,
losses and divergences in nats per token, times in seconds, sizes in bytes. Differences are `run` minus `against`.
"""

from typing import Literal

from pydantic import Field

from tunelab.comparison.choice_rows import Choice
from tunelab.comparison.result_rows import (
    Cleaned,
    CleanedContrast,
    Gain,
    GainKind,
    Left,
    Looks,
    Needed,
    Number,
    Overlap,
    Record,
    Sameness,
    Seen,
    Simulated,
    Twins,
    Verdict,
)


class Estimate(Number):
    """One metric of one run on one task."""

    run: str
    seed: int | None = Field(description="The training's seed; null: the mean over all seeds of the study.")
    seeds: int = Field(description="Seeds behind the value.")
    task: str = Field(description="A task of the config, or `text:` and the name of a neutral text.")
    metric: str
    sources: list[str]


class Contrast(Number):
    """The difference between two runs on the same items, and what it shows."""

    run: str
    against: str
    seeds: int
    task: str
    metric: str
    declared: bool = Field(description="Whether the config names the pair; the others are exploratory.")
    primary: bool = Field(description="Whether this is the task's first metric, on which its verdict stands.")
    wins: int | None = Field(description="Pairs of answers, over all seeds, that only `run` gets right; shares only.")
    losses: int | None = Field(description="Pairs of answers that only `against` gets right.")
    p: float = Field(
        description="Two-sided: mid-p McNemar (shares), paired randomisation (the rest); with several seeds the "
        "largest of the crossed bootstrap's, Cochran's t's and the randomisation's. Of looks the smallest, each "
        "divided by the share of its look."
    )
    look: int | None = Field(description="The look at which it was decided, or the last one; null: no look decides it.")
    confidence: float = Field(description="That of the interval, which is higher at looks: they share the chance.")
    p_corrected: float = Field(description="Holm's correction among the pairs of one task and metric.")
    p_equivalence: float = Field(description="Two one-sided tests against the margin, corrected likewise.")
    margin: float = Field(
        description="From the config: what counts as no difference; that of `strict` for drawn answers."
    )
    smallest_detectable: float = Field(description="The difference that these items would show with 80 % power.")
    noise: float | None = Field(description="The largest change of this metric between repeated evaluations.")
    unequal: list[str] = Field(
        description="Measures of effort in which the two trainings differ by over 1 %; with `study.budget` its axis "
        "alone, where they differ by over 5 %."
    )
    equal_budget: str | None = Field(description="The axis of `study.budget` on which both consumed as much, if any.")
    starved: list[str] = Field(description="Which of the two runs drew too few completions, as told in `starved`.")
    at_edge: list[str] = Field(
        description="Which of the two runs did best at the edge of what was tried in tuning: see `tuned`."
    )
    degenerate: list[str] = Field(
        description="Whose answers to the task are alike, or repeat themselves, beyond the references: see `sameness`."
    )
    verdict: Verdict
    sources: list[str]


class Learner(Record):
    """A run that learns from answers that were drawn before it was trained."""

    run: str
    answers: int = Field(description="Drawn answers among which those that it learns were chosen.")


Shortage = Literal["completions", "of_step", "learners"]


class Starved(Record):
    """A run of GRPO or RLOO whose first seed drew too few completions to expect an effect."""

    run: str
    seed: int
    completions: int = Field(description="Completions that it drew in all.")
    of_step: int = Field(description="Completions that each of its steps learns from.")
    learners: list[Learner] = Field(
        description="Runs on the same data set that learn from more drawn answers than it drew completions."
    )
    shortages: list[Shortage] = Field(
        description="completions: fewer than 1,500 in all; of_step: fewer than 32; learners: others learn from more."
    )
    sources: list[str]


class Tuned(Record):
    """How the settings of a run were chosen, and how it did on test rows, which had no part in that."""

    choice: Choice
    test: Number | None = Field(
        description="The run on test rows, by the metric of the choice, over the study's seeds; null: not measured."
    )
    sources: list[str]


class Spent(Record):
    """What was consumed, on four axes."""

    flops: float = Field(description="Floating point operations of matrix products (`models/flops.py` says which).")
    tokens: float = Field(description="Tokens that passed a model: learnt, drawn, and read by reference or teacher.")
    completions: float = Field(description="Answers that were drawn.")
    seconds: float = Field(description="Wall-clock time of training steps and drawings, without validation.")


class Consumed(Record):
    """What a trained run consumed."""

    run: str
    seed: int | None = Field(description="null: the mean over all seeds of the study.")
    seeds: int
    parts: dict[str, float] = Field(
        description="Operations of training, drawing, reference, teacher and validation, as far as it has them."
    )
    own: Spent
    alone: Spent | None = Field(
        description="With its start, the answers drawn for it, its teacher, and what these began from, all in full. "
        "null: one of them is not in the study."
    )
    budget_share: float | None = Field(
        description="Of the limit of `study.budget`, what the run had consumed when it ended, with what it began from: "
        "below 1, its own settings ended it before. null: the study has no budget."
    )
    utilisation: float | None = Field(
        description="Operations per second, as a share of those of one large product on this machine. null: that was "
        "not measured in the precision and with the threads of the training, or several processes trained."
    )
    sources: list[str]


class Followed(Number):
    """A metric of a run at one point of its training, on the first rows of a task."""

    run: str
    task: str
    metric: str
    point: int = Field(description="0: where it began (its start, or the untouched model); the largest: its end.")
    seed: int | None = Field(description="null: the mean over all seeds of the study.")
    seeds: int
    summary: bool = Field(description="Whether it stands for the run: over all seeds.")
    spent: Spent = Field(description="Consumed until then, with all that the run began from.")
    sources: list[str]


class Reached(Record):
    """Where a run stood at the largest amount of operations that all followed runs of a task reached."""

    task: str
    run: str
    limit: float = Field(description="That amount, with all that the runs began from.")
    point: int | None = Field(description="The run's last point up to there; null: it began only beyond that amount.")
    flops: float | None = Field(description="What it had consumed at that point.")


class Parts(Record):
    """Standard deviations of a metric between seeds, between items, and of what is left."""

    run: str
    task: str
    metric: str
    seed: float
    item: float
    sampling: float = Field(description="Interaction of seed and item, with the noise of decoding.")
    seeds: int
    n: int
    sources: list[str]


class Recovered(Record):
    """Which share of its teacher's gain over the student's start a student has on the task that it was taught."""

    run: str
    teacher: str
    start: str
    task: str
    metric: str
    share: Number | None = Field(description="null: the teacher's gain cannot be told from 0, so there is no share.")
    sources: list[str]


class Implicit(Record):
    """How often a trained run's implicit reward, which DPO optimises, prefers the chosen answers of held-out pairs.

    It is an answer's log-probability by the run, minus that by its start.
    """

    run: str
    seed: int | None = Field(description="null: all seeds of the study together.")
    task: str
    start: str | None = Field(
        description="What the run began from: its `init_from`, or the untouched model. null: it is not in the study."
    )
    accuracy: Number | None = Field(
        description="Share of pairs whose chosen answer gained more than the rejected one; a tie counts half. null: "
        "the start is not in the study, so nothing tells what was gained."
    )
    sources: list[str]


class Repeat(Record):
    """A metric of the run that was evaluated again."""

    run: str
    seed: int
    task: str
    metric: str
    repeat: Literal["again", "rebatched"]
    value: float
    repeated: float
    flips: float = Field(description="Share of the items whose own value changed.")
    n: int
    sources: list[str]


class Known(Record):
    """A published number for a model of the study, and whether ours falls inside its band."""

    run: str
    task: str
    metric: str
    value: float
    low: float
    high: float
    published_low: float
    published_high: float
    setting: str
    source: str
    inside: bool = Field(description="Whether our interval and the published band meet.")


class Coverage(Record):
    """How often intervals over seeds and items held the truth in simulations of `make simulate-intervals`."""

    seeds: int = Field(description="As many seeds as the study has, or the next smaller number that was simulated.")
    least: float = Field(description="The share of simulated studies in the least favourable case.")
    mean: float
    most: float
    cases: int = Field(description="Kinds of values, numbers of items, and ratios of the spreads of seeds and items.")
    studies: int = Field(description="Simulated studies of each case.")


class Results(Record):
    """Everything that was estimated in a study."""

    version: Literal[1] = 1
    smoke: bool = Field(description="A trial of the workflow, whose numbers mean nothing.")
    confidence: float
    paired: list[str] = Field(description="Tasks whose held-out rows are pairs of a chosen and a rejected answer.")
    estimates: list[Estimate]
    contrasts: list[Contrast]
    starved: list[Starved]
    tuned: list[Tuned]
    consumed: list[Consumed]
    followed: list[Followed]
    reached: list[Reached]
    sameness: list[Sameness]
    parts: list[Parts]
    gains: list[Gain]
    kinds: list[GainKind]
    recovered: list[Recovered]
    implicit: list[Implicit]
    repeats: list[Repeat]
    known: list[Known]
    overlaps: list[Overlap]
    twins: list[Twins]
    left: list[Left]
    cleaned: list[Cleaned]
    cleaned_contrasts: list[CleanedContrast]
    looks: Looks | None = Field(description="null: no looks are declared; each difference is tested once.")
    seen: list[Seen]
    needed: list[Needed] = Field(description="What would decide each undecided declared difference on a first metric.")
    simulated_looks: list[Simulated] = Field(description="Empty without looks.")
    coverage: Coverage | None = Field(description="null: one seed, over which no interval is told.")
