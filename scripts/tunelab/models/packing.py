"""Many rows as one, each distinct token once: no padding, and what rows begin with in common is computed once.

A token's hidden state depends on the tokens before it in its row, and on nothing else. So the copies of a GRPO prompt,
a system message that all rows have, and equal completions need one pass. Which token sees which is told by a mask.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch

MOST_TOKENS = 1024  # of one packed row; beyond, attention to tokens of other rows, which the mask hides, costs too much


class Packing(NamedTuple):
    """One row of n tokens that stands for several."""

    ids: torch.Tensor  # [1, n]
    positions: torch.Tensor  # [1, n], counted from the start of each token's own row
    visible: torch.Tensor  # [1, 1, n, n], whether a token (row) attends to another (column)
    places: torch.Tensor  # [rows, width], where among the n each token is; 0 for padding


def pack_rows(ids: torch.Tensor, attention: torch.Tensor) -> Packing:
    """Pack rows of token ids [rows, width], padded on either side where `attention` is 0."""
    real = attention.bool()
    positions = (real.cumsum(1) - 1).clamp(min=0)
    # rows side by side from their first tokens on, padding (-1) last
    rows, columns = real.nonzero(as_tuple=True)
    aligned = torch.full_like(ids, -1)
    aligned[rows, positions[rows, columns]] = ids[rows, columns]
    # the first row with the same tokens up to here computes them for all
    same = (aligned[:, None] == aligned[None]).long().cumprod(-1)
    owners = same.argmax(1)
    kept_rows, kept = ((owners == torch.arange(len(ids), device=ids.device)[:, None]) & (aligned >= 0)).nonzero(
        as_tuple=True
    )
    index = torch.zeros_like(ids)
    index[kept_rows, kept] = torch.arange(len(kept), device=ids.device)
    index = index.gather(0, owners)
    visible = (kept[None] <= kept[:, None]) & (owners[kept_rows][:, kept] == kept_rows[None])
    return Packing(
        ids=aligned[kept_rows, kept][None],
        positions=kept[None],
        visible=visible[None, None],
        places=index.gather(1, positions).masked_fill(~real, 0),
    )


def pack_in_parts(
    ids: torch.Tensor, attention: torch.Tensor, most_tokens: int = MOST_TOKENS
) -> Iterator[tuple[slice, Packing]]:
    """Yield the rows in as few packings of at most `most_tokens` as halving finds; a row is never divided."""
    todo = [slice(0, len(ids))]
    while todo:
        part = todo.pop(0)
        packing = pack_rows(ids[part], attention[part])
        rows = part.stop - part.start
        if packing.ids.shape[1] > most_tokens and rows > 1:
            middle = part.start + rows // 2
            todo[:0] = [slice(part.start, middle), slice(middle, part.stop)]
        else:
            yield part, packing
