"""A prepared row as token ids with a loss mask: a conversation as the chat template has it, a plain text as it stands.

A text is tokenised as TRL does with rows of language modelling: with the beginning that the tokenizer adds by itself,
and the end token behind it. Control tokens that it spells are such tokens. All of it is learnt but the first token,
which nothing stands before.
"""

from typing import Any

from transformers import PreTrainedTokenizerBase

from tunelab.models.chat import Encoded, encode, list_ends
from tunelab.models.tokenising import Token


def read_row(tokenizer: PreTrainedTokenizerBase, row: dict[str, Any]) -> Encoded:
    """Return a row's text, its tokens, and which of them are learnt.

    Raises:
        UserError: if the chat template cannot say what a conversation holds, see `chat.encode`.
    """
    return encode(tokenizer, row["messages"]) if "messages" in row else _encode_text(tokenizer, row["text"])


def _encode_text(tokenizer: PreTrainedTokenizerBase, text: str) -> Encoded:
    read = tokenizer(text, return_offsets_mapping=True)
    places = zip(read["input_ids"], read["offset_mapping"], strict=True)
    tokens = [Token(token, *place) for token, place in places]
    end = list_ends(tokenizer)[0] if tokenizer.eos_token_id is None else tokenizer.eos_token_id
    if [token.id for token in tokens[-1:]] != [end]:
        written = tokenizer.convert_ids_to_tokens(end)
        tokens.append(Token(end, len(text), len(text) + len(written)))
        text += written
    return Encoded(text, tokens, [0] + [1] * (len(tokens) - 1))
