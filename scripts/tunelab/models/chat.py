"""Encode conversations as token ids with a loss mask, the same for training, measured losses and the report's preview.

The rendered conversation is tokenised as one text. The mask covers each assistant turn from where generation begins
to write it up to its end-of-turn token, but for turns whose `weight` is 0; a template's own `{% generation %}` markers
can only leave out more.
"""

import functools
import hashlib
import json
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tunelab.errors import UserError
from tunelab.models.chat_thoughts import place_thought
from tunelab.models.templates import (
    Messages,
    Turn,
    check_kept,
    find_marked,
    find_turns,
    list_starts,
    refuse_change,
    render,
    render_prompt,
)
from tunelab.models.tokenising import Token, find_literals, tokenise_turns
from tunelab.values import list_names, shorten

PROBE = "answer"


def load_tokenizer(model: Path, padding_side: str = "right", template: Path | None = None) -> PreTrainedTokenizerBase:
    """Load a fetched model's tokenizer; pad on the right for training, on the left for generation.

    Args:
        template: file of the chat template that the study uses with this model; None: the tokenizer's own.
    """
    if gone := [f"{file.name} → {file.readlink()}" for file in sorted(model.glob("*")) if not file.exists()]:
        raise UserError(
            f"Files of yours that {model} leads to are not where they were ({list_names(gone, quoted=False)}). Put "
            "them back, or correct the model's path in the config and run again."
        )
    tokenizer = AutoTokenizer.from_pretrained(model, padding_side=padding_side)
    if template is not None:
        tokenizer.chat_template = template.read_bytes().decode()
    if not tokenizer.chat_template:
        raise UserError(
            f"The tokenizer in {model} has no chat template; choose an instruction-tuned model, or name a template in "
            "the model's chat_template."
        )
    tokenizer.named_ends = _read_ends(model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(list_ends(tokenizer)[:1])[0]
    return tokenizer


def _read_ends(model: Path) -> list[int]:
    """Return the end tokens that a model's generation config names; without one, those of its config."""
    files = [file for file in (model / "generation_config.json", model / "config.json") if file.is_file()]
    named = json.loads(files[0].read_text(encoding="utf-8")).get("eos_token_id") if files else None
    return named if isinstance(named, list) else [] if named is None else [named]


def list_ends(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the tokens that end a turn: all that the tokenizer, generation config or chat template names.

    Raises:
        UserError: if none of them names one.
    """
    named = {tokenizer.eos_token_id, *getattr(tokenizer, "named_ends", ())} - {None}
    if ends := sorted(named | _find_closing(tokenizer, tokenizer.get_chat_template())):
        return ends
    raise UserError(
        "Neither the tokenizer nor the generation config nor the chat template names an end token, so a trained model "
        "would never stop. Name one as eos_token in the model's tokenizer_config.json."
    )


@functools.lru_cache(maxsize=8)
def _find_closing(tokenizer: PreTrainedTokenizerBase, template: str) -> frozenset[int]:
    """Return the added token that the template writes after an answer, if it writes one."""
    try:
        text = render(tokenizer, [{"role": "user", "content": "question"}, {"role": "assistant", "content": PROBE}])
    except UserError:  # it needs more turns than these two
        return frozenset()
    _, found, closing = text.rpartition(PROBE)
    if not found:
        return frozenset()
    known = tokenizer.added_tokens_decoder
    written = tokenizer(closing, add_special_tokens=False)["input_ids"]
    return frozenset([token for token in written if token in known and not known[token].content.isspace()][:1])


class Encoded(NamedTuple):
    """A row's text as the model sees it, its tokens, and its loss mask (0 or 1 for each token)."""

    text: str
    tokens: list[Token]
    mask: list[int]

    def cut(self, max_length: int | None = None) -> dict[str, list[int]]:
        """Return `input_ids` and `assistant_masks` of the first `max_length` tokens."""
        ids = [token.id for token in self.tokens]
        return {"input_ids": ids[:max_length], "assistant_masks": self.mask[:max_length]}

    def divide(self) -> list[dict[str, Any]]:
        """Divide the text into parts that do or do not count in the loss."""
        runs = [
            (trained, [place for place, _ in run])
            for trained, run in groupby(enumerate(self.mask), key=lambda item: item[1])
        ]
        edges = [0, *(self.tokens[places[0]].start for _, places in runs[1:]), len(self.text)]
        return [
            {"text": self.text[start:end], "trained": bool(trained)}
            for (trained, _), (start, end) in zip(runs, pairwise(edges), strict=True)
        ]


def encode(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> Encoded:
    """Render and tokenise a conversation, and mask all but what the assistant wrote.

    Raises:
        UserError: if the template leaves out what a message says, changes earlier turns, does not close a turn with
            an end token, or marks nothing as the assistant's.
    """
    messages = place_thought(tokenizer, messages)
    text = render(tokenizer, messages)
    turns = find_turns(tokenizer, messages, text)
    literals = find_literals(tokenizer, text, messages, functools.partial(render, tokenizer))
    tokens, begins = tokenise_turns(tokenizer, text, literals, [turn.start for turn in turns])
    marked, mask = find_marked(tokenizer, messages), [0] * len(tokens)
    for turn, begin in zip(turns, begins, strict=True):
        if not turn.learnt:
            continue
        end = _find_end(tokenizer, messages, tokens, turn, begin)
        counted = [place for place in range(begin, end + 1) if marked is None or _overlaps(tokens[place], marked)]
        for place in (
            [*counted, end] if counted else []
        ):  # a template's markers leave out the end token, which is to be learnt
            mask[place] = 1
    check_kept(tokenizer, messages, text)
    if any(turn.learnt for turn in turns) and not any(mask):
        raise UserError(
            "The chat template's {% generation %} markers leave out all that the assistant says, so that there would "
            f"be nothing to learn; the turn is {shorten(messages[-1]['content'])}. Name another template in the "
            "model's chat_template."
        )
    return Encoded(text, tokens, mask)


def _find_end(
    tokenizer: PreTrainedTokenizerBase, messages: Messages, tokens: list[Token], turn: Turn, begin: int
) -> int:
    """Return the place of a turn's last end token."""
    ends = list_ends(tokenizer)
    found = [at for at in range(begin, len(tokens)) if tokens[at].id in ends and tokens[at].end <= turn.stop]
    if found:
        return found[-1]
    if not turn.kept:
        raise refuse_change(messages)
    names = list_names(tokenizer.convert_ids_to_tokens(ends))
    raise UserError(
        f"The chat template does not end the assistant's turn with {names}, the model's end-of-sequence token, so a "
        f"trained model would never stop; the turn is {shorten(messages[-1]['content'])}. Name another template in "
        "the model's chat_template."
    )


def _overlaps(token: Token, spans: list[tuple[int, int]]) -> bool:
    return any(token.start < end and start < token.end for start, end in spans)


def encode_conversation(
    tokenizer: PreTrainedTokenizerBase, messages: Messages, max_length: int | None = None
) -> dict[str, list[int]]:
    """Return `input_ids` and `assistant_masks`, cut after `max_length` tokens.

    Raises:
        UserError: as `encode` does.
    """
    return encode(tokenizer, messages).cut(max_length)


def encode_prompt(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> list[int]:
    """Return the token ids of a prompt, after which the assistant writes."""
    text = render_prompt(tokenizer, messages)
    literals = find_literals(tokenizer, text, messages, functools.partial(render_prompt, tokenizer))
    tokens, _ = tokenise_turns(tokenizer, text, literals, list_starts(tokenizer, messages, text))
    return [token.id for token in tokens]


def hash_template(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the sha256 of the chat template, which training, evaluation and serving must share."""
    return hashlib.sha256(tokenizer.get_chat_template().encode()).hexdigest()
