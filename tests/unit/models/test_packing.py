"""Rows become one row of their distinct tokens, each seeing its own row's past and nothing else."""

import pytest
import torch

from tunelab.models.packing import pack_in_parts, pack_rows


def read_back(packing, row, column):
    """Return the tokens that a row's token attends to, in the order of their positions, and those positions."""
    seen = packing.visible[0, 0, packing.places[row, column]].nonzero()[:, 0]
    order = packing.positions[0, seen].argsort()
    return packing.ids[0, seen[order]].tolist(), packing.positions[0, seen[order]].tolist()


@pytest.mark.parametrize(
    ("ids", "attention", "tokens"),
    [
        ([[5, 6, 7], [5, 6, 8]], [[1, 1, 1], [1, 1, 1]], 4),
        ([[5, 6, 7], [5, 6, 7]], [[1, 1, 1], [1, 1, 1]], 3),
        ([[5, 6, 0], [5, 6, 7]], [[1, 1, 0], [1, 1, 1]], 3),  # padded on the right
        ([[0, 5, 6], [5, 6, 7]], [[0, 1, 1], [1, 1, 1]], 3),  # on the left: they begin alike all the same
        ([[6, 5, 7], [5, 5, 7]], [[1, 1, 1], [1, 1, 1]], 6),  # equal tokens after different ones are different
        ([[0, 0, 5], [0, 5, 0]], [[0, 0, 1], [0, 1, 1]], 2),  # a token 0 is a token
    ],
)
def test_each_distinct_token_stands_there_once_and_sees_its_own_row(ids, attention, tokens):
    ids, attention = torch.tensor(ids), torch.tensor(attention)
    packing = pack_rows(ids, attention)
    assert packing.ids.shape == (1, tokens)
    for row in range(len(ids)):
        columns = attention[row].nonzero()[:, 0].tolist()
        for number, column in enumerate(columns, 1):
            own = [ids[row, earlier].item() for earlier in columns[:number]]
            assert read_back(packing, row, column) == (own, list(range(number)))


def test_rows_are_divided_until_each_part_fits_and_a_row_never_is():
    ids = torch.arange(1, 41).view(4, 10)
    parts = list(pack_in_parts(ids, torch.ones_like(ids), most_tokens=15))
    assert [(part.start, part.stop, packing.ids.shape[1]) for part, packing in parts] == [
        (0, 1, 10), (1, 2, 10), (2, 3, 10), (3, 4, 10)
    ]  # fmt: skip
    (whole,) = pack_in_parts(ids, torch.ones_like(ids), most_tokens=40)
    assert whole[0] == slice(0, 4)
    assert [part.stop for part, _ in pack_in_parts(ids, torch.ones_like(ids), most_tokens=5)] == [1, 2, 3, 4]
