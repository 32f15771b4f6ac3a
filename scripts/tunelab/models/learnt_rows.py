"""Encode prepared rows, conversations or plain texts, and check that the chat template leaves out nothing of them.

A plain text is tokenised as TRL does for language modelling: with what the tokenizer puts before it, and an end token
after it. Control tokens in its text become such tokens. All tokens are learnt but the first, which nothing precedes.
"""

from typing import Any

from transformers import PreTrainedTokenizerBase

from tunelab.errors import UserError
from tunelab.models.chat import Encoded, encode, list_ends
from tunelab.models.templates import render
from tunelab.models.tokenising import Token
from tunelab.values import list_names

# fields of a turn that hold what was said; `name` and `tool_call_id` are labels
SAID = ("reasoning_content", "thinking", "tool_calls")
ENOUGH = 50  # rows with a field that are tried: a template may show it in last turns only


def check_carried(tokenizer: PreTrainedTokenizerBase, rows: list[dict[str, Any]]) -> None:
    """Raise UserError if the template leaves out a field, or tools' answers, in all of the rows that have it."""
    for name in SAID:
        carrying = [row for row in rows if any(name in turn for turn in _list_turns(row))]
        _insist(tokenizer, carrying, name, lambda turn, name=name: {key: turn[key] for key in turn if key != name})
    answered = [row for row in rows if any(turn["role"] == "tool" for turn in _list_turns(row))]
    _insist(tokenizer, answered, "role: tool", lambda turn: turn | {"content": "?"} if turn["role"] == "tool" else turn)


def check_told_apart(ids: list[str], chosen: list[list[int]], rejected: list[list[int]]) -> None:
    """Raise UserError if both answers of a pair are the same tokens.

    Args:
        ids: of the rows.
        chosen, rejected: the tokens of their answers, or of the conversations with these.
    """
    if equal := [row for row, one, other in zip(ids, chosen, rejected, strict=True) if one == other]:
        raise UserError(
            f"The chosen and the rejected answer of {len(equal)} rows of {len(ids)} are the same tokens in the model's "
            f"chat template, which leaves out where they differ, so they would teach nothing (rows "
            f"{list_names(equal)}). Mend or remove the rows, or name another template in the model's chat_template."
        )


def _list_turns(row: dict[str, Any]) -> list[dict]:
    return row.get("messages", [])  # a plain text has none


def _insist(tokenizer: PreTrainedTokenizerBase, rows: list[dict[str, Any]], name: str, change: Any) -> None:
    if rows and not any(_differ(tokenizer, row["messages"], change) for row in rows[:ENOUGH]):
        raise UserError(
            f"The model's chat template leaves out '{name}', which turns of {len(rows)} rows carry (first: row "
            f"{rows[0]['id']}), so the model would never see it. Take a model whose template has it, or put what it "
            "says into the turns' text, or remove it from the rows."
        )


def _differ(tokenizer: PreTrainedTokenizerBase, turns: list[dict], change: Any) -> bool:
    return render(tokenizer, turns) != render(tokenizer, [change(turn) for turn in turns])


def read_row(tokenizer: PreTrainedTokenizerBase, row: dict[str, Any]) -> Encoded:
    """Encode a row; return its text, tokens and loss mask.

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
