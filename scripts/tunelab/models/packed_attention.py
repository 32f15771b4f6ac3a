"""Attention on a CPU: of packed rows (see `packing`), and of the last tokens of rows that are being completed.

Queries, keys and values of packed rows are laid out row by row for the while, so that no token is compared with those
of other rows. Short rows are then attended to by plain products, as are last tokens: PyTorch's kernel for CPUs is slow
to go back through short rows and to go through single tokens, in bfloat16 above all.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.functional import embedding, pad
from transformers import AttentionInterface, PreTrainedConfig
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from tunelab.models.packing import Packing

# names under which transformers finds them
PACKED_ROWS, LAST_TOKENS = "packed_rows", "last_tokens"
# a mask that fits no tokens: attention by anything else, which would take all tokens for one row, fails
NO_OTHER = torch.empty(1, 1, 0, 0)
SHORT = 256  # tokens of a row; beyond, scores of all pairs take more memory than what else a layer keeps


def attend_by_rows(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    dropout: float,
    scaling: float,
    packing: Packing,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as transformers' own attention does in each row by itself, and return [1, n, heads, features].

    query, key, value: [1, heads, n, features] of packed tokens; keys and values may have others before them, which
    every row sees.
    """
    count, longest = packing.rows.shape
    before = key.shape[2] - query.shape[2]
    query, keys, values = (
        _pick(states[0, :, first:].transpose(0, 1), packing.rows).transpose(1, 2)
        for states, first in ((query, 0), (key, before), (value, before))
    )
    if before:
        keys, values = (
            torch.cat([states[:, :, :before].expand(count, -1, -1, -1), own], 2)
            for states, own in ((key, keys), (value, values))
        )
    # padding comes last in each row, where no token looks
    visible = query.new_ones(longest, before + longest, dtype=torch.bool).tril(before)
    if before + longest <= SHORT and not dropout:
        hidden = _hide(query, visible).repeat(query.shape[1] // keys.shape[1], 1)
        output = _attend_briefly(query, keys, values, hidden, scaling)
    else:
        output, _ = sdpa_attention_forward(
            module, query, keys, values, visible[None, None] if before else None, dropout, scaling, **settings
        )
    return _pick(output.flatten(0, 1), packing.homes)[None], None


def attend_from_last(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float,
    visible: torch.Tensor,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend from one token a row, [rows, heads, 1, features], to its keys as `visible` [rows, keys] allows.

    Keys beyond those are room for tokens to come (see `growing_cache`).
    """
    hidden = _hide(query, pad(visible, (0, key.shape[2] - visible.shape[1])))[:, None].repeat_interleave(
        key.shape[1], 0
    )
    return _attend_briefly(query, key, value, hidden, scaling), None


def _hide(like: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    return like.new_zeros(visible.shape).masked_fill(~visible, float("-inf"))


def _attend_briefly(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, hidden: torch.Tensor, scaling: float
) -> torch.Tensor:
    """Return [rows, tokens, heads, features]; queries that share a key's head are multiplied with it at once.

    hidden: 0 or minus infinity, of a form that fits [rows * heads of keys, queries of one, keys].
    """
    rows, heads, tokens, features = query.shape
    together = query.reshape(-1, heads // key.shape[1] * tokens, features)
    scores = torch.baddbmm(hidden, together, key.flatten(0, 1).transpose(1, 2), alpha=scaling)
    output = torch.bmm(scores.softmax(-1), value.flatten(0, 1))
    return output.view(rows, heads, tokens, features).transpose(1, 2)


def _pick(states: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return states[places]; rows share tokens, whose gradients an embedding adds up fast and in a fixed order."""
    return embedding(places, states.flatten(1)).unflatten(-1, states.shape[1:])


AttentionInterface.register(PACKED_ROWS, attend_by_rows)
AttentionInterface.register(LAST_TOKENS, attend_from_last)


def list_configs(model: torch.nn.Module) -> list[PreTrainedConfig]:
    """Return all configs that a model's modules go by, first its own: a module that was copied has one of its own."""
    held = [module.__dict__.get("config") for module in model.modules()]
    return list({id(config): config for config in held if isinstance(config, PreTrainedConfig)}.values())


@contextlib.contextmanager
def attention_by(name: str, model: torch.nn.Module) -> Iterator[None]:
    """Have all of a model attend by one of the two for the block; its calls must name what that asks for."""
    before = [(config, config._attn_implementation) for config in list_configs(model)]
    for config, _ in before:
        config._attn_implementation = name
    try:
        yield
    finally:
        for config, own in before:
            config._attn_implementation = own
