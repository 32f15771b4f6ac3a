"""Many rows as one, each distinct token once: no padding, and what rows begin with in common is computed once.

A token's hidden state depends on the tokens before it in its row, and on nothing else. So the copies of a GRPO prompt,
a system message that all rows have, and equal completions need one pass. Only attention, which costs the square of a
row's length, goes back to the rows one by one (`packed_attention`).
"""

from typing import NamedTuple

import torch


class Packing(NamedTuple):
    """One row of n tokens that stands for several, of which the longest has `longest` tokens."""

    ids: torch.Tensor  # [1, n]
    positions: torch.Tensor  # [1, n], counted from the start of each token's own row
    rows: torch.Tensor  # [rows, longest], where among the n the tokens of each row are, from its first on; then 0
    homes: torch.Tensor  # [n], where in `rows`, flattened, each of the n is computed
    places: torch.Tensor  # [rows, width], where among the n each token of the padded rows is; 0 for padding


def pack_rows(ids: torch.Tensor, attention: torch.Tensor) -> Packing:
    """Pack rows of token ids [rows, width], padded on either side where `attention` is 0."""
    real = attention.bool()
    positions = (real.cumsum(1) - 1).clamp(min=0)
    # rows side by side from their first tokens on, padding (-1) last
    rows, columns = real.nonzero(as_tuple=True)
    aligned = torch.full((len(ids), int(positions.max()) + 1), -1, dtype=ids.dtype, device=ids.device)
    aligned[rows, positions[rows, columns]] = ids[rows, columns]
    # the first row with the same tokens up to here computes them for all
    same = (aligned[:, None] == aligned[None]).long().cumprod(-1)
    owners = same.argmax(1)
    own = (owners == torch.arange(len(ids), device=ids.device)[:, None]) & (aligned >= 0)
    kept_rows, kept = own.nonzero(as_tuple=True)
    index = torch.zeros_like(aligned)
    index[kept_rows, kept] = torch.arange(len(kept), device=ids.device)
    index = index.gather(0, owners)
    return Packing(
        ids=aligned[kept_rows, kept][None],
        positions=kept[None],
        rows=index,
        homes=own.flatten().nonzero()[:, 0],
        places=index.gather(1, positions).masked_fill(~real, 0),
    )
