"""Adapters that are merged for a while into copies of the weights: the weights themselves are never written to."""

import contextlib
from collections import Counter
from collections.abc import Iterator

import torch
from peft.tuners.tuners_utils import BaseTunerLayer


class MergedCopies:
    """Copies of the weights that a model's adapter changes, whose memory is kept from one while to the next.

    What stays apart: layers that are not held in float32, where merging would round the change away, and what PEFT
    cannot merge, such as a change of a bias that the layer has not got.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._model = model
        self._copies: dict[torch.nn.Parameter, torch.Tensor] = {}
        self._refused: set[BaseTunerLayer] = set()

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Have each layer that can be merged compute with its copies for the block."""
        names = Counter(weight for _, weight in self._model.named_parameters(remove_duplicate=False))
        with contextlib.ExitStack() as stack:
            for layer in self._model.modules():
                if not isinstance(layer, BaseTunerLayer) or layer in self._refused:
                    continue
                weights = list(layer.get_base_layer().parameters(recurse=False))
                # a weight that two layers share would be changed for both
                if any(weight.dtype != torch.float32 or names[weight] > 1 for weight in weights):
                    continue
                try:
                    stack.enter_context(self._merge(layer, weights))
                except (RuntimeError, ValueError):  # it is asked of PEFT, which says no by these
                    self._refused.add(layer)
            yield

    @contextlib.contextmanager
    def _merge(self, layer: BaseTunerLayer, weights: list[torch.nn.Parameter]) -> Iterator[None]:
        own = [weight.data for weight in weights]
        for weight in weights:
            weight.data = self._copies.setdefault(weight, torch.empty_like(weight)).copy_(weight.data)
        try:
            layer.merge()
            yield
        finally:
            layer.merged_adapters.clear()
            for weight, data in zip(weights, own, strict=True):
                weight.data = data
