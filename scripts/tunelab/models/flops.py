"""Count the floating point operations that tokens need in a model, from the shapes of its weights.

Counted are matrix products, two operations for each multiply-add:

- each token passes the layers, with their adapters; a token of a prompt that is learnt does so too;
- in attention, each token meets all tokens of its row and of a prefix: the full square, as torch counts it, twice what
  a causal mask leaves. The way back costs 2.5 times as much, since the kernels compute the scores again;
- the output layer reads only the tokens whose logits are used.

Whatever an implementation packs, shares or merges, each row counts by itself, and padding does not count. What is
learnt costs as much again for the weights' gradients, and as much again for those of the inputs, but these only down to
the lowest learnt weight (`recording_reach`). Layers that are recomputed (gradient checkpointing) count once more.
Adapters that make a matrix of their weights first (LoHa, OFT and their like) count as if tokens passed these weights.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper
from torch.nn import Embedding, Linear, Module, Parameter
from transformers.modeling_layers import GradientCheckpointingLayer

from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.models import adapters
from tunelab.models.packed_model import find_base, list_types

LIKE_PREFIX = {"PREFIX_TUNING", "CARTRIDGE"}  # virtual tokens that are keys and values alone


class Work(NamedTuple):
    """What goes through a model: tokens, those whose logits are used, pairs that attend, rows with virtual tokens."""

    tokens: int
    scored: int
    pairs: int
    rows: int


class Rates(NamedTuple):
    """The operations that each of these takes."""

    token: int
    scored: int
    pair: int
    row: int

    def count(self, work: Work) -> int:
        """Return the operations of some work."""
        return sum(rate * amount for rate, amount in zip(self, work, strict=True))


@dataclass(frozen=True)
class Reach:
    """Which modules of a model have an input, or attention and layers a result, whose gradient is computed."""

    modules: set[Module] = field(default_factory=set)


def measure_inputs(
    input_ids: torch.Tensor | None = None,
    attention_mask: torch.Tensor | None = None,
    position_ids: torch.Tensor | None = None,
    past_key_values: Any = None,
    inputs_embeds: torch.Tensor | None = None,
    labels: torch.Tensor | None = None,
    **_: Any,
) -> Work:
    """Return the work of one call of a causal language model within its adapter's wrapper; arguments are its own."""
    given = input_ids if inputs_embeds is None else inputs_embeds[..., 0]
    before = 0 if past_key_values is None else past_key_values.get_seq_length()
    if attention_mask is not None:
        lengths = attention_mask[:, -given.shape[1] :].sum(1)
    elif position_ids is not None and len(given) == 1:  # many rows as one, without padding
        starts = (position_ids[0] == 0).nonzero()[:, 0]
        lengths = torch.diff(starts, append=starts.new_tensor([given.shape[1]]))
    else:
        lengths = torch.full((len(given),), given.shape[1])
    lengths = [int(length) for length in lengths.tolist()]
    tokens = sum(lengths)
    return Work(
        tokens=tokens,
        scored=tokens if labels is None else int((labels[:, 1:] != -100).sum()),
        pairs=sum(length * (length + before) for length in lengths),
        rows=0 if inputs_embeds is None and past_key_values is None else len(lengths),
    )


def measure_drawing(model: Any, prompt: int, drawn: int) -> Work:
    """Return the work of drawing an answer: each new token meets all before it, and the last one passes no more.

    Args:
        prompt, drawn: numbers of tokens.
    """
    virtual = adapters.count_virtual(model)
    before, read = (virtual, prompt) if list_types(model) & LIKE_PREFIX else (0, virtual + prompt)
    follow = max(drawn - 1, 0)
    pairs = read * (before + read) + follow * (before + read) + follow * (follow + 1) // 2
    return Work(tokens=read + follow, scored=drawn, pairs=pairs, rows=int(virtual > 0))


def measure_rates(model: Any, reach: Reach | None = None) -> Rates:
    """Return what tokens cost in a model as its adapters are switched now; with `reach`, the way back included."""
    base = find_base(model)
    head, config = base.get_output_embeddings(), base.config.get_text_config()
    token = scored = pair = 0
    recomputed = _list_recomputed(base, reach)
    for unit in list_units(base):
        forward, backward = _count_products(unit, config, reach is not None and unit in reach.modules)
        count = forward + (backward if reach else 0)
        if unit is head:
            scored += count
        else:
            token += count + (forward if unit in recomputed else 0)
    for attention in list_attention(base):
        width = _find_width(attention, config)
        again = 4 if attention in recomputed else 0
        pair += width * (4 + again + (10 if reach and attention in reach.modules else 0))
    return Rates(token, scored, pair, _count_encoder(model) * (3 if reach else 1))


@contextlib.contextmanager
def recording_reach(model: Any) -> Iterator[Reach]:
    """Record, while a model runs forward, what its gradients reach."""
    base, reach = find_base(model), Reach()

    def note_input(module: Module, given: tuple, named: dict) -> None:
        state = given[0] if given else named.get("hidden_states")
        # layers that are recomputed in the old way run without gradients at first
        if not torch.is_grad_enabled() or (isinstance(state, torch.Tensor) and state.requires_grad):
            reach.modules.add(module)

    def note_output(module: Module, given: tuple, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        if not torch.is_grad_enabled() or state.requires_grad:
            reach.modules.add(module)

    hooks = [unit.register_forward_pre_hook(note_input, with_kwargs=True) for unit in list_units(base)]
    hooks += [module.register_forward_hook(note_output) for module in [*list_attention(base), *_list_layers(base)]]
    try:
        yield reach
    finally:
        for hook in hooks:
            hook.remove()
    if any(layer in reach.modules for layer in _list_layers(base)):
        # heads that project labelled tokens only take the weights of the layer and do not call it
        reach.modules.add(base.get_output_embeddings())


def list_units(module: Module) -> Iterator[Module]:
    """List the modules that multiply tokens by weights: those that an adapter changes or holds a copy of as one."""
    for child in module.children():
        own = any(weight.ndim > 1 for weight in child.parameters(recurse=False))  # also experts, and what chooses them
        if own or isinstance(child, BaseTunerLayer | AuxiliaryTrainingWrapper):
            yield child
        else:
            yield from list_units(child)


def list_attention(model: Module) -> list[Module]:
    """List the modules of a model in which tokens attend to all others of their row."""
    return [
        module
        for module in model.modules()
        if hasattr(module, "layer_idx") and type(module).__name__.endswith("Attention")
    ]


def _list_layers(model: Module) -> list[Module]:
    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]


def _list_recomputed(model: Module, reach: Reach | None) -> set[Module]:
    """List all modules within layers that are computed once more on the way back."""
    layers = [] if reach is None else [layer for layer in _list_layers(model) if layer in reach.modules]
    return {module for layer in layers if layer.gradient_checkpointing for module in layer.modules()}


def _find_width(attention: Module, config: Any) -> int:
    heads = config.num_attention_heads
    return heads * (getattr(attention, "head_dim", None) or config.hidden_size // heads)


def _find_layer(unit: Module) -> Module:
    if isinstance(unit, BaseTunerLayer):
        return unit.get_base_layer()
    return unit.original_module if isinstance(unit, AuxiliaryTrainingWrapper) else unit


def _count_products(unit: Module, config: Any, reached: bool) -> tuple[int, int]:
    """Return the operations of a token in a module, and those of its way back.

    Args:
        reached: whether the gradient of the module's input is computed.
    """
    layer = _find_layer(unit)
    if isinstance(layer, Embedding):  # looked up
        return 0, 0
    size = sum(_count_weights(weight, config) for weight in layer.parameters() if weight.ndim > 1)
    if isinstance(unit, BaseTunerLayer):
        learnt, factors = any(weight.requires_grad for weight in layer.parameters()), list(_list_factors(unit, layer))
    else:  # the copy that is learnt has the shape of the layer
        learnt, factors = any(weight.requires_grad for weight in unit.parameters()), []
    forward, backward = 2 * size, 2 * size * (reached + learnt)
    for name, weight in factors:
        forward += 2 * weight.numel()
        backward += 2 * weight.numel() * (weight.requires_grad + (reached or not name.startswith("lora_A")))
    return forward, backward


def _list_factors(unit: BaseTunerLayer, layer: Module) -> Iterator[tuple[str, Parameter]]:
    """List the matrices of a layer's active adapter; vectors multiply one by one."""
    if unit.disable_adapters:
        return
    own = {id(weight) for weight in layer.parameters()}
    for place, module in unit.named_modules():
        for last, weight in module.named_parameters(recurse=False):
            name = f"{place}.{last}"
            active = set(name.split(".")) & set(unit.active_adapters)
            is_matrix = isinstance(module, Linear) or 1 not in weight.shape
            if id(weight) not in own and active and weight.ndim > 1 and is_matrix:
                yield name, weight


def _count_weights(weight: Parameter, config: Any) -> int:
    """Count the weights that a token is multiplied by: of experts those that are chosen, in 4 bits those before it."""
    state = getattr(weight, "quant_state", None)
    size = state.shape.numel() if state else weight.numel()
    experts = weight.shape[0] if weight.ndim == 3 else 1
    return size * getattr(config, "num_experts_per_tok", experts) // experts if experts > 1 else size


def _count_encoder(model: Any) -> int:
    """Return the operations by which virtual tokens are made for one row, if a network makes them."""
    if not list_types(model) & PROMPT_LEARNING:
        return 0
    encoder = model.prompt_encoder[model.active_adapter]
    weights = [
        weight
        for module in encoder.modules()
        if not isinstance(module, Embedding)
        for weight in module.parameters(recurse=False)
    ]
    return 2 * adapters.count_virtual(model) * sum(weight.numel() for weight in weights if weight.ndim > 1)
