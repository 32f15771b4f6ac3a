"""Conversations as token ids with a loss mask, the same for training, loss measurement and the report's preview.

Each assistant turn is tokenised apart from the prompt before it, exactly as generation sees it, and the mask covers
the turn from its first token to its end-of-turn token. No `{% generation %}` markers are needed in the template.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tunelab.errors import UserError

Messages = list[dict[str, str]]


def load_tokenizer(model: Path, padding_side: str = "right") -> PreTrainedTokenizerBase:
    """Load a fetched model's tokenizer; pad on the right for training, on the left for generation."""
    if gone := [f"{file.name} → {file.readlink()}" for file in sorted(model.glob("*")) if not file.exists()]:
        raise UserError(
            f"Files of yours that {model} leads to are not where they were ({', '.join(gone)}). Put them back, or "
            "correct the model's path in the config and run again."
        )
    tokenizer = AutoTokenizer.from_pretrained(model, padding_side=padding_side)
    if not tokenizer.chat_template:
        raise UserError(f"The tokenizer in {model} has no chat template; choose an instruction-tuned model.")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def render_prompt(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> str:
    """Render the messages up to the point where the assistant starts to write."""
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def split_turns(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> Iterator[tuple[str, bool]]:
    """Yield the rendered conversation as (text, whether it counts) pieces: turns of the assistant without `weight` 0.

    Raises:
        UserError: if the template renders a conversation's beginning differently once it goes on.
    """
    done = ""
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt = render_prompt(tokenizer, messages[:index])
        turn = tokenizer.apply_chat_template(messages[: index + 1], tokenize=False)
        if not (prompt.startswith(done) and turn.startswith(prompt)):
            raise UserError(
                "The model's chat template changes earlier turns when the conversation goes on, so the assistant's "
                f"part cannot be told apart; the conversation is {messages[: index + 1]!r}."
            )
        yield prompt[len(done) :], False
        yield turn[len(prompt) :], message.get("weight", 1) > 0
        done = turn


def encode_conversation(
    tokenizer: PreTrainedTokenizerBase, messages: Messages, max_length: int | None = None
) -> dict[str, list[int]]:
    """Return `input_ids` and `assistant_masks`, cut after `max_length` tokens.

    Raises:
        UserError: if the template does not close the assistant's turn with the end-of-sequence token.
    """
    ids, mask = [], []
    for text, counts in split_turns(tokenizer, messages):
        piece = tokenizer(text, add_special_tokens=False)["input_ids"]
        end = 0
        if counts:
            if tokenizer.eos_token_id not in piece:
                raise UserError(
                    f"The chat template does not end the assistant's turn with {tokenizer.eos_token!r}, the model's "
                    f"end-of-sequence token, so a trained model would never stop; the turn is {text!r}."
                )
            end = len(piece) - piece[::-1].index(tokenizer.eos_token_id)
        ids += piece
        mask += [1] * end + [0] * (len(piece) - end)
    return {"input_ids": ids[:max_length], "assistant_masks": mask[:max_length]}


def preview_mask(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> list[dict[str, Any]]:
    """Return the conversation as the model sees it, in pieces of text that do or do not count in the loss."""
    encoded = encode_conversation(tokenizer, messages)
    pieces: list[dict[str, Any]] = []
    for token, trained in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True):
        if not pieces or pieces[-1]["trained"] != bool(trained):
            pieces.append({"tokens": [], "trained": bool(trained)})
        pieces[-1]["tokens"].append(token)
    return [{"text": tokenizer.decode(piece["tokens"]), "trained": piece["trained"]} for piece in pieces]


def hash_template(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the sha256 of the chat template, which training, evaluation and serving must share."""
    return hashlib.sha256(str(tokenizer.chat_template).encode()).hexdigest()
