"""The section on trajectories: how runs do along the way of their training."""

from typing import Annotated

from pydantic import Field, PositiveInt

from tunelab.config.specs.base import Spec


class TrajectorySpec(Spec):
    """Weights that are published along the way of each training, and evaluated like a run."""

    points: Annotated[int, Field(ge=2)] = Field(
        5, description="Points of a training, at even shares of its steps (or budget); the last is its end."
    )
    tasks: tuple[str, ...] = Field(
        min_length=1, description="Tasks of the study; runs that learn their data are followed."
    )
    rows: PositiveInt = Field(100, description="First held-out rows of each task.")
    samples: PositiveInt = Field(
        4, description="Maths: answers drawn to each question at temperature 1, for their mean accuracy."
    )
