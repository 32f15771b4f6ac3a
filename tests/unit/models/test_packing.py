"""Rows become one row of their distinct tokens, each seeing its own row's past and nothing else."""

import pytest
import torch

from tunelab.models.packed_model import pack_rows


def read_back(packing, row, column):
    """Return the tokens that a row's token attends to, in the order of their positions, and those positions."""
    place = packing.places[row, column]
    seen = packing.rows[row, : packing.positions[0, place] + 1]
    assert seen[-1] == place
    return packing.ids[0, seen].tolist(), packing.positions[0, seen].tolist()


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
    assert torch.equal(packing.rows.flatten()[packing.homes], torch.arange(tokens))
    for row in range(len(ids)):
        columns = attention[row].nonzero()[:, 0].tolist()
        for number, column in enumerate(columns, 1):
            own = [ids[row, earlier].item() for earlier in columns[:number]]
            assert read_back(packing, row, column) == (own, list(range(number)))
