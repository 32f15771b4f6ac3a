"""Sections on measuring: tasks, decoding, drift and noise."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt

from tunelab.config.specs.base import FunctionName, Label, Seed, Spec


class GenerationSpec(Spec):
    """Every decoding field is explicit, so that a model's own generation_config.json cannot leak in."""

    max_new_tokens: PositiveInt
    batch_size: PositiveInt = 16
    do_sample: bool = False
    temperature: PositiveFloat = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: NonNegativeInt = 0
    repetition_penalty: PositiveFloat = 1.0
    num_beams: PositiveInt = 1
    seed: Seed = 0


class SamplingSpec(Spec):
    """Several answers to each question, drawn at a temperature; `max_new_tokens` is that of the task.

    mean@N, the share of strictly right ones, is computed whatever `k` is.
    """

    samples: PositiveInt = Field(description="Answers to each question; N of mean@N.")
    k: tuple[PositiveInt, ...] = Field(
        min_length=1, description="Of how many answers pass@k and maj@k are estimated; rising, up to `samples`."
    )
    rows: PositiveInt | None = Field(32, description="First held-out rows; null for all.")
    temperature: PositiveFloat = Field(1.0, description="1 is what GRPO and RLOO train on.")
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: NonNegativeInt = 0
    batch_size: PositiveInt = Field(64, description="Answers drawn at a time.")
    seed: Seed = 0


class MetricSpec(Spec):
    """A metric of the user's own: a function with the signature of a reward."""

    file: str
    better: Literal["higher", "lower"] = "higher"


def _spell_out(value: str | MetricSpec) -> MetricSpec:
    return value if isinstance(value, MetricSpec) else MetricSpec(file=value)


class TaskSpec(Spec):
    """One data set's held-out rows, answered by every run and scored."""

    label: Label
    dataset: str
    kind: Literal["maths", "text"]
    generation: GenerationSpec
    loss_batch_size: PositiveInt = 8
    untaught_rows: PositiveInt | None = Field(
        None,
        description="Held-out rows, the first, for trained runs that did not learn this data set (nor their starts) "
        "and that no contrast compares here; null: all.",
    )
    metrics: dict[FunctionName, Annotated[str | MetricSpec, AfterValidator(_spell_out)]] = Field(
        default_factory=dict, description="Metrics of your own: function → the Python file that holds it."
    )
    sampling: SamplingSpec | None = Field(None, description="Maths only; null: one answer per question is all.")


class DriftSpec(Spec):
    """How far training moved a model away from its base: loss on neutral texts, divergence on held-out rows."""

    texts: tuple[str, ...] = Field(
        min_length=1, description="Text files of paragraphs between blank lines, which no run trains on."
    )
    rows: PositiveInt = Field(16, description="First held-out rows of each task for the divergence from the base.")
    batch_size: PositiveInt = 8


class NoiseSpec(Spec):
    """One run that is evaluated twice more, the second time in batches of another size."""

    run: str
    rows: PositiveInt | None = Field(None, description="First held-out rows of each task; null for all.")
    batch_size: PositiveInt = 16
