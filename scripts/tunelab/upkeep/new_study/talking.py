"""Find how a model is talked to, and how long the rows are in its tokens."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

from tunelab.config.specs.sources import ChatSettings
from tunelab.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SAMPLE = 500  # rows that are measured, the longest
BYTES = 3  # of UTF-8 to a token where no tokenizer is at hand: on the safe side in English, about right in Chinese
ENDS = 8  # tokens that a template puts around a turn
# tokens that ChatML is written with
CHATML = {"<|im_start|>", "<|im_end|>"}


class Lengths(NamedTuple):
    """Tokens of whole rows, of the prompts and of the answers to learn; `measured` or estimated by their letters."""

    rows: list[int]
    prompts: list[int]
    answers: list[int]
    measured: bool


def choose_chat(folder: Path, records: Sequence[dict[str, Any]]) -> tuple[ChatSettings, str, Lengths]:
    """Return the settings by which a model at hand can be talked to with these rows, and why they are what they are.

    Raises:
        UserError: for the first settings tried, if none will do.
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
        UserError: if the chat template cannot say what the rows hold.
    """
    from tunelab.models.carried import check_carried
    from tunelab.models.chat import encode_conversation, encode_prompt, load_tokenizer
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
    """Load a tokenizer, without code that comes with it."""
    from transformers import AutoTokenizer

    from tunelab.sources.loading import explain_loading

    with explain_loading("MODEL", "the tokenizer", "The study fetches it anew, whole."):
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def _count_letters(messages: Sequence[dict[str, Any]]) -> int:
    return sum(len(turn["content"]) for turn in messages)


def estimate_rows(records: Sequence[dict[str, Any]]) -> Lengths:
    """Estimate the lengths of rows by their letters."""
    turns = [[ENDS + len(turn["content"].encode()) // BYTES for turn in record["messages"]] for record in records]
    return Lengths([sum(row) for row in turns], [sum(row[:-1]) for row in turns], [row[-1] for row in turns], False)


def _list_settings(folder: Path) -> Iterator[tuple[ChatSettings, str]]:
    """Yield ways to talk to a model, the most natural first."""
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
