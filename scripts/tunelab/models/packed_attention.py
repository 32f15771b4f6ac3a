"""Attention of packed rows (see `packing`), registered with transformers under the name PACKED_ROWS.

Queries, keys and values are laid out row by row for the while, so that no token is compared with those of other rows.
Short rows are then attended to by plain products, since PyTorch's kernel for CPUs is slow to go back through them, in
bfloat16 above all.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.functional import embedding
from transformers import AttentionInterface, PreTrainedConfig
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from tunelab.models.packing import Packing

PACKED_ROWS = "packed_rows"
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
    mask = query.new_ones(longest, before + longest, dtype=torch.bool).tril(before)
    if before + longest <= SHORT and not dropout:
        output = _attend_briefly(query, keys, values, mask, scaling)
    else:
        output, _ = sdpa_attention_forward(
            module, query, keys, values, mask[None, None] if before else None, dropout, scaling, **settings
        )
    return _pick(output.flatten(0, 1), packing.homes)[None], None


def _attend_briefly(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scaling: float
) -> torch.Tensor:
    """Return [rows, tokens, heads, features]; queries that share a key's head are multiplied with it at once."""
    rows, heads, tokens, features = query.shape
    shared = heads // key.shape[1]
    hidden = query.new_zeros(mask.shape).masked_fill(~mask, float("-inf")).repeat(shared, 1)
    scores = torch.baddbmm(
        hidden, query.reshape(-1, shared * tokens, features), key.flatten(0, 1).transpose(1, 2), alpha=scaling
    )
    output = torch.bmm(scores.softmax(-1), value.flatten(0, 1))
    return output.view(rows, heads, tokens, features).transpose(1, 2)


def _pick(states: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return states[places]; rows share tokens, whose gradients an embedding adds up fast and in a fixed order."""
    return embedding(places, states.flatten(1)).unflatten(-1, states.shape[1:])


AttentionInterface.register(PACKED_ROWS, attend_by_rows)


@contextlib.contextmanager
def attention_by_rows(config: PreTrainedConfig) -> Iterator[None]:
    """Have a model of this config attend by rows for the block; it must then be called with `packing=`."""
    before = config._attn_implementation
    config._attn_implementation = PACKED_ROWS
    try:
        yield
    finally:
        config._attn_implementation = before
