"""The section on tuning: which settings of which runs are tried, and by which rows one of them is chosen."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from tunelab.config.specs.base import Seed, Spec


class SelectSpec(Spec):
    """What the trials of a run are compared on: held-out rows of its own data set that no test asks."""

    rows: Literal["validation"] = Field(
        "validation", description="The data set's validation rows; half of them where others of its steps are chosen."
    )
    metric: Literal["first", "loss"] = Field(
        "first", description="first: the one on which the task's verdicts stand; loss: the held-out loss."
    )
    samples: PositiveInt | None = Field(
        None, description="Maths only: take the mean over so many answers drawn at temperature 1; null: one greedy one."
    )


class TuningSpec(Spec):
    """Which settings are tried before a run is trained for the study; each trial is a training of its own."""

    trials: Annotated[int, Field(ge=2)] = Field(
        description="Settings that are tried of each run; a larger grid is drawn from by chance."
    )
    unequal: bool = Field(False, description="Allow runs with fewer settings than `trials`, which the report tells.")
    seeds: tuple[Seed, ...] = Field(min_length=1, description="Seeds of the trials; none of study.seeds.")
    draw_seed: Seed = Field(0, description="Which settings are drawn from a grid that is larger than `trials`.")
    select: SelectSpec = SelectSpec()
    runs: dict[str, dict[str, tuple[Any, ...]]] = Field(
        min_length=1,
        description="Run → field → values to try, such as {lora: {training.learning_rate: [1.0e-4, 3.0e-4, 1.0e-3]}}.",
    )
