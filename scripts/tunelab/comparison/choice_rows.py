"""Define how the choice of a tuned run's settings stands in its file and in `results.json`."""

from typing import Any, Literal

from pydantic import Field

from tunelab.comparison.result_rows import Number, Record


class TrialScore(Record):
    """A trial of settings, by its values on validation rows."""

    name: str = Field(description="Under which it is among the runs.")
    settings: dict[str, Any]
    value: float | None = Field(description="The mean over seeds; null: it did not learn, and counts as the worst.")
    by_seed: list[float]
    gap: float | None = Field(description="How far it is behind the best trial.")
    error: float | None = Field(description="Standard error of that, paired on rows and seeds.")
    near: bool = Field(description="Whether the gap is within one standard error.")
    diverged: str | None = Field(description="Why it did not learn.")
    sources: list[str]


class Choice(Record):
    """The settings that were chosen for a run, and the trials behind it."""

    run: str
    task: str = Field(description="What the trials were evaluated on: the run's own task on validation rows.")
    metric: str
    rows: Literal["validation", "selection"] = Field(
        description="validation: all validation rows; selection: the half by which no training chose its best step."
    )
    n: int = Field(description="Rows.")
    seeds: list[int] = Field(description="Seeds of the trials.")
    own: dict[str, Any] = Field(description="What the run says itself of the fields, or the library's defaults.")
    trials: list[TrialScore]
    best: str = Field(description="The trial with the best value.")
    chosen: str = Field(description="The trial that was chosen: of those near the best the nearest to the run's own.")
    settings: dict[str, Any]
    edges: dict[str, Literal["lowest", "highest"]] = Field(
        description="Fields in which the best trial has an outermost value, so that values beyond may be better."
    )
    gained: Number | None = Field(
        description="Chosen minus own settings on these rows, by which it was chosen; null: the same, or not tried."
    )
    floor: float = Field(description="By how much the best of as many equal settings looks better by chance.")
    train_seconds: float = Field(description="Training time of all trials.")
