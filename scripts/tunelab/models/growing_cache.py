"""Keys and values of rows that are being completed, with room for tokens to come.

transformers' DynamicLayer makes a new tensor of all it holds for each token, a little larger than any that was freed
before, so that memory fills with gaps. Here a token is written in place, and new tensors are made once in ROOM tokens.
"""

import torch
from transformers.cache_utils import DynamicLayer

ROOM = 16  # tokens


class GrowingLayer(DynamicLayer):
    """A layer's keys and values, [rows, heads, tokens and room, features]; what is not written yet is 0."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self._count = keys.shape[2]
        self.keys, self.values = _make_room(keys), _make_room(values)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the states of one token a row behind the others; return all, with the room that is left."""
        if self._count == self.keys.shape[2]:
            self.keys, self.values = _make_room(self.keys), _make_room(self.values)
        self.keys[:, :, self._count] = key_states[:, :, 0]
        self.values[:, :, self._count] = value_states[:, :, 0]
        self._count += 1
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self._count


def _make_room(states: torch.Tensor) -> torch.Tensor:
    rows, heads, tokens, features = states.shape
    held = states.new_zeros(rows, heads, tokens + ROOM, features)
    held[:, :, :tokens] = states
    return held
