"""Load models, attach and save PEFT adapters."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from tunelab.config.peft_types import CHANGES_BASE
from tunelab.errors import UserError
from tunelab.models.lean_lora import make_lean

START = "start_of_adapter"  # a model's attribute


def build_adapter_config(adapter: dict[str, Any], base: Path | None = None) -> PeftConfig:
    """Build PEFT's config object from the run's `adapter` section (without our own `init_text`).

    base: folder of the model, for a prompt that starts from a text.
    """
    fields = {name: value for name, value in adapter.items() if name not in ("peft_type", "init_text")}
    if fields.get("prompt_tuning_init") == "TEXT":
        fields["tokenizer_name_or_path"] = str(base)
    return PEFT_TYPE_TO_CONFIG_MAPPING[adapter["peft_type"]](**({"task_type": "CAUSAL_LM"} | fields))


def load_base_model(
    folder: Path, device: torch.device, dtype: torch.dtype, quantization: dict[str, Any] | None = None
) -> PreTrainedModel:
    """Load a fetched model; with `quantization` its linear layers are held as bitsandbytes holds them."""
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
    """Let a library's logger say each sentence once: bitsandbytes tells of a cast at every product in 8 bits."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        known = record.msg in said
        said.add(record.msg)
        return not known

    logging.getLogger(logger).addFilter(is_new)


def name_ends(model: PreTrainedModel, ends: list[int]) -> None:
    """Have a model's generation config name these end tokens as well, so that it stops wherever it is loaded."""
    known = model.generation_config.eos_token_id
    known = known if isinstance(known, list) else [known] if known is not None else []
    if missing := [end for end in ends if end not in known]:
        model.generation_config.eos_token_id = [*known, *missing]


def record_tying(model: PreTrainedModel) -> None:
    """Have the config say truly whether the output layer shares the weights of the embedding."""
    head, table = model.get_output_embeddings(), model.get_input_embeddings()
    if head is not None and table is not None:
        tied = head.weight is table.weight
        for config in {id(part): part for part in (model.config, model.config.get_text_config())}.values():
            config.tie_word_embeddings = tied


def load_trained_model(
    base: Path, artefact: Path | None, device: torch.device, dtype: torch.dtype
) -> PreTrainedModel | PeftModel:
    """Load what a run publishes: the untouched base, an adapter on it, or a whole trained model."""
    if artefact is None:
        return load_base_model(base, device, dtype).eval()
    if artefact.name == "adapter":
        model = PeftModel.from_pretrained(load_base_model(base, device, dtype), artefact).eval()
        make_lean(model)
        return model
    return load_base_model(artefact, device, dtype).eval()


def count_virtual(*configured: Any) -> int:
    """Return how many tokens an adapter puts before every row.

    configured: a model, which may have an adapter, or the PEFT config of one that is to be put on it, or both; None
    counts as none.
    """
    configs = [getattr(item, "peft_config", {}).get("default", item) for item in configured]
    return max(getattr(config, "num_virtual_tokens", None) or 0 for config in configs)


def keep_start(model: torch.nn.Module) -> None:
    """Keep the weights of an adapter whose start changed the base, until it is published (`publishing`)."""
    config = getattr(model, "peft_config", {}).get("default")
    if str(getattr(config, "init_lora_weights", None)).startswith(CHANGES_BASE):
        setattr(model, START, copy_trainable(model))


def list_trainable(model: torch.nn.Module) -> Iterable[tuple[str, torch.nn.Parameter]]:
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def keep_trainable_in_float32(model: torch.nn.Module) -> None:
    """Cast every trainable weight to float32, before the optimizer sees it.

    TRL casts adapters on a quantised base to bfloat16, where most weights of a prefix drawn from N(0, 1) cannot move
    by a step of 1e-4 at all; half precision belongs to the matrix products (autocast), not to the weights.
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
