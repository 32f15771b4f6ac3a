"""LoRA's product with less work around it: what PEFT's layer computes, in place and without casts of the inputs.

PEFT casts a layer's input to the adapter's float32 and, in a training with autocast, back; and a dropout draws a number
for each of its elements. Both are spared on a CPU, by layers that are plain LoRA; all others stay PEFT's.
"""

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import torch
from peft.tuners.lora import Linear
from torch.nn import functional

STEPS = 2**16  # a dropout is rounded to this part: 16 random bits decide


class LoraProduct(torch.autograd.Function):
    """x W' + bias + scaling (dropped x) A' B', where W and the bias are frozen."""

    @staticmethod
    def forward(ctx, x, weight, bias, a, b, scaling, dropout):
        """x: [..., inputs]; weight: [outputs, inputs]; a: [rank, inputs]; b: [outputs, rank]. Gives [..., outputs]."""
        ctx.shape, ctx.dtype, ctx.scaling = x.shape, a.dtype, scaling
        x = x.flatten(0, -2)
        a, b = a.to(x.dtype), b.to(x.dtype)
        kept = draw_kept(x, dropout) if dropout else None
        dropped = x if kept is None else x * kept
        low = dropped @ a.T
        output = functional.linear(x, weight, bias).addmm_(low, b.T, alpha=scaling)
        ctx.save_for_backward(dropped, kept, low, weight, a, b)
        return output.view(*ctx.shape[:-1], -1)

    @staticmethod
    def backward(ctx, gradient):
        dropped, kept, low, weight, a, b = ctx.saved_tensors
        gradient = gradient.flatten(0, -2)
        inner = gradient @ b
        of_x = None
        of_a = (inner.T @ dropped).to(ctx.dtype).mul_(ctx.scaling)
        of_b = (gradient.T @ low).to(ctx.dtype).mul_(ctx.scaling)
        if ctx.needs_input_grad[0]:
            of_x = gradient @ weight
            if kept is None:
                of_x.addmm_(inner, a, alpha=ctx.scaling)
            else:
                of_x.addcmul_(inner @ a, kept, value=ctx.scaling)
            of_x = of_x.view(ctx.shape)
        return of_x, None, None, of_a, of_b, None, None


def draw_kept(x: torch.Tensor, dropout: float) -> torch.Tensor:
    """Draw what a dropout multiplies [n, inputs] by: 0, or 1 / (1 - dropout)."""
    # four decisions to a random number of 64 bits
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    kept = bits[: x.numel()].view(x.shape) >= round(dropout * STEPS) - STEPS // 2
    return kept.to(x.dtype).div_(1 - dropout)


def make_lean(model: torch.nn.Module) -> None:
    """Give a model's LoRA layers the product above, wherever it is theirs when they are called."""
    for layer in _list_layers(model):
        layer.forward = types.MethodType(_forward, layer)


@contextlib.contextmanager
def factors_at_hand(model: torch.nn.Module) -> Iterator[None]:
    """Keep the factors of plain LoRA in the type of the products for the block, in which nothing may change them."""
    before = {layer: layer.forward for layer in _list_layers(model) if _is_plain(layer, layer.base_layer.weight)}
    for layer in before:
        layer.forward = _fix_forward(layer)
    try:
        yield
    finally:
        for layer, forward in before.items():
            layer.forward = forward


def _list_layers(model: torch.nn.Module) -> list[Linear]:
    layers = [module for module in model.modules() if type(module) is Linear]
    return [layer for layer in layers if type(layer.base_layer) is torch.nn.Linear]


def _forward(self: Linear, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    if args or kwargs or not _is_plain(self, x):
        return type(self).forward(self, x, *args, **kwargs)
    dropout = getattr(self.lora_dropout[self.active_adapters[0]], "p", 0.0) if self.training else 0.0
    return LoraProduct.apply(x, self.base_layer.weight, self.base_layer.bias, *_list_factors(self), dropout)


def _fix_forward(layer: Linear) -> Any:
    weight, bias = layer.base_layer.weight, layer.base_layer.bias
    a, b, scaling = _list_factors(layer)
    a, b = a.to(weight.dtype).T, b.to(weight.dtype).T

    def forward(x: torch.Tensor) -> torch.Tensor:
        rows = x.flatten(0, -2)
        output = functional.linear(rows, weight, bias).addmm_(rows @ a, b, alpha=scaling)
        return output.view(*x.shape[:-1], -1)

    return forward


def _is_plain(layer: Linear, like: torch.Tensor) -> bool:
    names, frozen = layer.active_adapters, list(layer.base_layer.parameters())
    return (
        not (layer.disable_adapters or layer.merged)
        and len(names) == 1
        and names[0] in layer.lora_A
        and names[0] not in layer.lora_variant  # DoRA and its like
        and layer.lora_B[names[0]].bias is None
        and not any(weight.requires_grad or weight.dtype != like.dtype for weight in frozen)
        and like.device.type == "cpu"
        and not (torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") != like.dtype)
    )


def _list_factors(layer: Linear) -> tuple[torch.Tensor, torch.Tensor, float]:
    (name,) = layer.active_adapters
    return layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name]
