"""Load models, attach and save PEFT adapters."""

import contextlib
import logging
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from peft.tuners.lora import Linear
from torch.nn import functional
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from tunelab.config.peft_types import CHANGES_BASE
from tunelab.errors import UserError

START = "start_of_adapter"  # a model's attribute


def build_adapter_config(adapter: dict[str, Any], base: Path | None = None) -> PeftConfig:
    """Build PEFT's config object from the run's `adapter` section (without our own `init_text`).

    Args:
        base: folder of the model, for a prompt that starts from a text.
    """
    fields = {name: value for name, value in adapter.items() if name not in ("peft_type", "init_text")}
    if fields.get("prompt_tuning_init") == "TEXT":
        fields["tokenizer_name_or_path"] = str(base)
    return PEFT_TYPE_TO_CONFIG_MAPPING[adapter["peft_type"]](**({"task_type": "CAUSAL_LM"} | fields))


def load_base_model(
    folder: Path, device: torch.device, dtype: torch.dtype, quantization: dict[str, Any] | None = None
) -> PreTrainedModel:
    """Load a fetched model; with `quantization` its linear layers are quantised by bitsandbytes."""
    if not Path(folder, "config.json").is_file():
        raise UserError(f"{folder} holds no model although its card says so; delete {folder.parent} to fetch it again.")
    options: dict[str, Any] = {"dtype": dtype}
    if quantization:
        compute = {"bnb_4bit_compute_dtype": dtype} if quantization.get("load_in_4bit") else {}
        options["quantization_config"] = BitsAndBytesConfig(**(compute | quantization))
        options["device_map"] = {"": device}
        _say_once("bitsandbytes.autograd._functions")
    model = AutoModelForCausalLM.from_pretrained(folder, **options)
    if not quantization:
        return model.to(device)
    # On a CPU with AVX512-BF16 an evaluation would repack 4-bit weights for a kernel that has no gradient, and leave
    # them so for the training that goes on after it.
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


def _say_once(logger: str) -> None:
    """Let a library's logger print each message once: bitsandbytes logs a cast at every product in 8 bits."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        known = record.msg in said
        said.add(record.msg)
        return not known

    logging.getLogger(logger).addFilter(is_new)


def name_ends(model: PreTrainedModel, ends: list[int]) -> None:
    """Add end tokens to a model's generation config, so that it stops wherever it is loaded."""
    known = model.generation_config.eos_token_id
    known = known if isinstance(known, list) else [known] if known is not None else []
    if missing := [end for end in ends if end not in known]:
        model.generation_config.eos_token_id = [*known, *missing]


def record_tying(model: PreTrainedModel) -> None:
    """Write to the config whether the output layer shares the weights of the embedding."""
    head, table = model.get_output_embeddings(), model.get_input_embeddings()
    if head is not None and table is not None:
        tied = head.weight is table.weight
        for config in {id(part): part for part in (model.config, model.config.get_text_config())}.values():
            config.tie_word_embeddings = tied


def load_trained_model(
    base: Path, artefact: Path | None, device: torch.device, dtype: torch.dtype
) -> PreTrainedModel | PeftModel:
    """Load a run's model: the untouched base, an adapter on it, or a complete trained model."""
    if artefact is None:
        return load_base_model(base, device, dtype).eval()
    if is_adapter(artefact):
        model = PeftModel.from_pretrained(load_base_model(base, device, dtype), artefact).eval()
        use_lora_products(model)
        return model
    return load_base_model(artefact, device, dtype).eval()


def is_adapter(artefact: Path | None) -> bool:
    """Tell whether a run's published folder holds an adapter; the others hold complete models."""
    return artefact is not None and artefact.name == "adapter"


def count_virtual(*configured: Any) -> int:
    """Return how many virtual tokens an adapter puts before every sequence.

    Args:
        configured: a model, which may have an adapter, the PEFT config of one that is to be put on it, or both.
    """
    configs = [getattr(item, "peft_config", {}).get("default", item) for item in configured]
    return max(getattr(config, "num_virtual_tokens", None) or 0 for config in configs)


def keep_start(model: torch.nn.Module) -> None:
    """Copy the initial weights of an adapter that changed the base when it was made; publishing needs them."""
    config = getattr(model, "peft_config", {}).get("default")
    if str(getattr(config, "init_lora_weights", None)).startswith(CHANGES_BASE):
        setattr(model, START, copy_trainable(model))


def list_trainable(model: torch.nn.Module) -> Iterable[tuple[str, torch.nn.Parameter]]:
    """List the weights that a training changes, with their names."""
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def keep_trainable_in_float32(model: torch.nn.Module) -> None:
    """Cast every trainable weight to float32, before the optimizer sees it.

    TRL casts adapters on a quantised base to bfloat16, in which most weights of a prefix drawn from N(0, 1) do not
    change by a step of 1e-4. Half precision is for the matrix products (autocast), not for the weights.
    """
    for _, weight in list_trainable(model):
        weight.data = weight.data.float()


def copy_trainable(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return a copy of the trainable weights in main memory."""
    return {name: weight.detach().to("cpu", copy=True) for name, weight in list_trainable(model)}


def list_broken(model: torch.nn.Module) -> list[str]:
    """Return the names of the trainable weights that hold anything but finite numbers."""
    return [name for name, weight in list_trainable(model) if not torch.isfinite(weight).all()]


def restore_trainable(model: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Put back weights from `copy_trainable`.

    Raises:
        KeyError: if a trainable weight is missing from the copy.
    """
    with torch.no_grad():
        for name, weight in list_trainable(model):
            weight.copy_(weights[name])


# --- plain LoRA on a CPU. PEFT's layer casts its input to the adapter's float32 and, with autocast, back, and its
# dropout draws a random number for each element. The product below spares both; other layers stay PEFT's.

STEPS = 2**16  # a dropout probability is rounded to multiples of 1 / STEPS, since 16 random bits decide


class LoraProduct(torch.autograd.Function):
    """Compute x W' + bias + scaling * dropout(x) A' B', where W and the bias are frozen."""

    @staticmethod
    def forward(ctx, x, weight, bias, a, b, scaling, dropout):
        """Shapes: x [..., in], weight [out, in], a [R, in], b [out, R]; returns [..., out]."""
        ctx.shape, ctx.dtype, ctx.scaling = x.shape, a.dtype, scaling
        x = x.flatten(0, -2)
        a, b = a.to(x.dtype), b.to(x.dtype)
        kept = draw_dropout_mask(x, dropout) if dropout else None
        dropped = x if kept is None else x * kept
        low = dropped @ a.T
        output = functional.linear(x, weight, bias).addmm_(low, b.T, alpha=scaling)
        ctx.save_for_backward(dropped, kept, low, weight, a, b)
        return output.view(*ctx.shape[:-1], -1)

    @staticmethod
    def backward(ctx, grad_output):
        dropped, kept, low, weight, a, b = ctx.saved_tensors
        grad_output = grad_output.flatten(0, -2)
        grad_low = grad_output @ b
        grad_x = None
        grad_a = (grad_low.T @ dropped).to(ctx.dtype).mul_(ctx.scaling)
        grad_b = (grad_output.T @ low).to(ctx.dtype).mul_(ctx.scaling)
        if ctx.needs_input_grad[0]:
            grad_x = grad_output @ weight
            if kept is None:
                grad_x.addmm_(grad_low, a, alpha=ctx.scaling)
            else:
                grad_x.addcmul_(grad_low @ a, kept, value=ctx.scaling)
            grad_x = grad_x.view(ctx.shape)
        return grad_x, None, None, grad_a, grad_b, None, None


def draw_dropout_mask(x: torch.Tensor, dropout: float) -> torch.Tensor:
    """Draw the mask that a dropout multiplies x [N, in] by: 0, or 1 / (1 - dropout)."""
    # each random number of 64 bits decides for four elements
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    kept = bits[: x.numel()].view(x.shape) >= round(dropout * STEPS) - STEPS // 2
    return kept.to(x.dtype).div_(1 - dropout)


def use_lora_products(model: torch.nn.Module) -> None:
    """Have a model's LoRA layers compute by `LoraProduct`, whenever they are plain when they are called."""
    for layer in _list_layers(model):
        layer.forward = types.MethodType(_forward, layer)


@contextlib.contextmanager
def cast_lora_factors(model: torch.nn.Module) -> Iterator[None]:
    """Hold the factors of plain LoRA in the dtype of the products within the block, which must not change them."""
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
