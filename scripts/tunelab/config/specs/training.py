"""Sections on runs: the model and data that they train on, and how."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, PositiveInt

from tunelab.config.methods import list_methods
from tunelab.config.specs.base import FunctionName, Label, Spec
from tunelab.config.specs.study import BudgetSpec

# fields that count steps, which the processes of a run share
SHARED = ("gradient_accumulation_steps", "steps_per_generation")
# the five of both sets, and the coin of control runs
REWARDS = ("correctness", "integer", "strict_format", "soft_format", "xml_count", "random")
# fields of a run that say what it learns from drawn answers
CHOICE = {"select", "pairs", "labels"}


class CheckpointSettings(Spec):
    """How often a training saves what it needs to resume after a kill. It changes no result; no stage depends on it.

    A run's own `training.save_*` overrides it, and counts as a setting of the run.
    """

    save_steps: PositiveInt = Field(25, description="Optimizer steps between two checkpoints.")
    save_total_limit: Annotated[int, Field(ge=2)] = Field(
        2, description="Newest checkpoints to keep; two, so that one is whole while the next is written."
    )


class TrainingPlan(NamedTuple):
    """What a study says of one of its trainings, besides the run's own section.

    Attributes:
        trial: whether it is a trial of settings, of which a failure to learn is a result.
        points: how many points of its way are published, its end included; 0: none.
        budget: at which it ends.
    """

    saving: CheckpointSettings
    trial: bool = False
    points: int = 0
    budget: BudgetSpec | None = None


class BaseRun(Spec):
    """The untouched model: evaluated like every other run, never trained."""

    method: Literal["base"]
    label: Label
    model: str


class LaunchSpec(Spec):
    """One training by several processes of one machine, each with a GPU of its own."""

    processes: Annotated[int, Field(ge=2)] = Field(description="Processes that share each step of the training.")
    accelerate: Literal["ddp"] = Field(
        "ddp",
        description="ddp: each process holds the whole model. fsdp2, zero3 and files of accelerate's, which divide it, "
        "are not taken: what is saved and published here are whole weights, of a model that one process holds.",
    )


class TrainedRun(Spec):
    """A run that is trained; the fields that all methods share."""

    label: Label
    model: str
    dataset: str
    precision: Literal["float32", "bfloat16", "float16"] | None = Field(
        None,
        description="In which precision this run is trained, in place of study.precision; all are evaluated alike.",
    )
    adapter: dict[str, Any] | None = Field(
        None,
        description="PEFT's own fields with `peft_type`; null for full fine-tuning. `init_text` (prefix tuning only) "
        "starts the prefix from the key-value cache of a text.",
    )
    quantization: dict[str, Any] | None = Field(None, description="Fields of transformers' BitsAndBytesConfig.")
    training: dict[str, Any] = Field(description="Fields of TRL's config class for the method, passed through.")
    launch: LaunchSpec | None = Field(
        None,
        description="Train by several processes, which share what `training` says of a step.",
        exclude_if=lambda launch: launch is None,  # a run without is what it was before there were such runs
    )

    @property
    def processes(self) -> int:
        """How many processes train the run; on a machine with GPUs each has one."""
        return self.launch.processes if self.launch else 1

    @property
    def uses_bitsandbytes(self) -> bool:
        """Tell whether weights or an optimizer's state are quantised."""
        optimizer = str(self.training.get("optim", ""))
        quantised_states = any(part in optimizer for part in ("bit", "bnb", "ademamix"))
        return bool(self.quantization) or quantised_states


class SelectSpec(Spec):
    """Which of the drawn answers a supervised run learns; those that were cut off are never learnt."""

    min_reward: float | None = Field(
        None, description="Least weighted sum of rewards; null: the answer must be right, whatever else it earned."
    )
    per_question: PositiveInt | None = Field(4, description="Most answers to one question, the first drawn; null: all.")
    distinct: bool = Field(True, description="Leave out what repeats another answer to the question word by word.")


class SftRun(TrainedRun):
    """Supervised fine-tuning with TRL's SFTTrainer; with `samples`, rejection sampling (RFT, RAFT, STaR)."""

    method: Literal[*list_methods("answers")]
    init_from: str | None = Field(None, description="Start from what this run published (same model, same seed).")
    samples: str | None = Field(
        None, description="Learn from these drawn answers (an entry of `samples`), not from the data set's own."
    )
    select: SelectSpec = SelectSpec()


class PairsSpec(Spec):
    """Which drawn answers make pairs: a right one and a wrong one to the same question."""

    per_question: PositiveInt | None = Field(
        2, description="Most pairs of one question; null: as many as there are answers of the commoner kind."
    )
    length_matched: bool = Field(
        False, description="Pair answers of like length, and none of which one has half as many tokens more."
    )
    labels: Literal["judged", "shuffled"] = Field(
        "judged", description="shuffled, for control runs: a coin's toss says which of the two is chosen."
    )


class DpoRun(TrainedRun):
    """Preferences between two answers, with TRL's DPOTrainer (DPO, IPO and the like, by `training.loss_type`)."""

    method: Literal[*list_methods("pairs")]
    init_from: str | None = Field(None, description="Start from what this run published (same model, same seed).")
    samples: str | None = Field(
        None, description="The entry of `samples` whose answers are paired; without it, the data set has preferences."
    )
    pairs: PairsSpec = PairsSpec()


class KtoRun(TrainedRun):
    """Single answers that are wanted or not, with TRL's KTOTrainer."""

    method: Literal[*list_methods("labels")]
    init_from: str | None = Field(None, description="Start from what this run published (same model, same seed).")
    samples: str | None = Field(
        None, description="The entry of `samples` whose answers are learnt; without it, the data set has preferences."
    )
    labels: Literal["judged", "shuffled"] = Field(
        "judged", description="shuffled, for control runs: the drawn answers exchange their labels by chance."
    )


class Rewards(Spec):
    """Reward functions of GRPO and RLOO; the same functions score answers in the evaluation."""

    set: Literal["fixed", "legacy"] = "fixed"
    functions: dict[FunctionName, str] = Field(
        default_factory=dict, description="Rewards of your own: function → the Python file that holds it."
    )
    weights: dict[str, float] = Field(
        min_length=1,
        description="Weight of each reward; one left out is not used. `random` tosses a coin, for control runs.",
        json_schema_extra={"properties": {name: {"type": "number"} for name in REWARDS}},  # for editors to complete
    )
    shuffle_gold: bool = Field(
        False, description="For control runs: give every training question the right answer of another one."
    )


class GrpoRun(TrainedRun):
    """Reinforcement learning with TRL's GRPOTrainer, or with its RLOOTrainer, which takes the same keys."""

    method: Literal[*list_methods("rewards")]
    init_from: str | None = Field(None, description="Start from what this run published (same model, same seed).")
    rewards: Rewards


class DistillationRun(TrainedRun):
    """On-policy distillation with TRL's DistillationTrainer: a teacher gives its probabilities for each drawn token."""

    method: Literal[*list_methods("teacher")]
    init_from: str | None = Field(None, description="Start from what this run published (same model, same seed).")
    teacher: str = Field(
        description="The run whose published weights teach (same seed), or an untouched model; of the same vocabulary."
    )


RunSpec = Annotated[BaseRun | SftRun | DpoRun | KtoRun | GrpoRun | DistillationRun, Field(discriminator="method")]
