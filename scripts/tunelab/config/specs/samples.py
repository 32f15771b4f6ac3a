"""The section on drawn answers to training questions, from which runs can learn."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from tunelab.config.formats import list_formats
from tunelab.config.specs.base import Seed, Spec
from tunelab.config.specs.training import REWARDS, Rewards

# all five, so that answers can be examined and chosen by each
CHECKED = " or ".join(list_formats("numbers"))
ALL_REWARDS = dict.fromkeys([name for name in REWARDS if name != "random"], 1.0)


class SamplesSpec(Spec):
    """Several answers to each training question, drawn from what a run published for the same seed."""

    run: str = Field(description="Whose answers: those of a trained run, or of an untouched model.")
    dataset: str = Field(description=f"Whose training questions; of format {CHECKED}, as answers are checked.")
    rows: PositiveInt | Literal["train"] = Field("train", description="First training questions; train: all.")
    samples: PositiveInt = Field(8, description="Answers to each question.")
    max_new_tokens: PositiveInt = Field(256, description="Tokens of an answer; one that is cut is never learnt.")
    temperature: PositiveFloat = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: NonNegativeInt = 0
    batch_size: PositiveInt = Field(64, description="Answers drawn at a time.")
    seed: Seed = Field(0, description="With the study's seed, of the draws.")
    rewards: Rewards = Field(
        default_factory=lambda: Rewards(weights=ALL_REWARDS), description="What scores the answers, each part kept."
    )
