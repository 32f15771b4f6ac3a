"""What a fetched model is made of, and whether PEFT can put an adapter on it: read from its config, without weights."""

from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from tunelab.config.drafts import Problem
from tunelab.config.target_checks import check_targets
from tunelab.errors import UserError
from tunelab.models.adapters import build_adapter_config

WINDOWED = ("sliding_attention", "chunked_attention")


def build_empty(folder: Path) -> PreTrainedModel:
    """Build a fetched model's modules without any weights."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, trust_remote_code=False))


def list_parts(model: PreTrainedModel) -> dict[str, Any]:
    """Return a model's modules by their names and what else `config.target_checks` asks for."""
    config, head = model.config.get_text_config(), model.get_output_embeddings()
    modules = [name for name, _ in model.named_modules() if name]
    return {
        "model_type": config.model_type,
        "modules": modules,
        "parameters": [name for name, _ in model.named_parameters()],
        "head": next((name for name, module in model.named_modules() if module is head), None),
        "layers": config.num_hidden_layers,
        "vocabulary": config.vocab_size,
        "window": _find_window(config),
        "routed": hasattr(config, "output_router_logits"),
    }


def _find_window(config: Any) -> int | None:
    """Return how many tokens back a token sees in the layers that see least; None if all see to the start."""
    window = getattr(config, "sliding_window", None) or getattr(config, "attention_chunk_size", None)
    kinds = getattr(config, "layer_types", None)
    windowed = any(kind in WINDOWED for kind in kinds) if kinds else getattr(config, "use_sliding_window", True)
    return window if window and windowed else None


def check_runs(folder: Path, runs: dict[str, Any], parts: dict[str, Any]) -> None:
    """Raise `UserError` if runs ask for what the model has not got, or PEFT will not put their adapters on it."""
    problems: list[Problem] = []
    for name, run in runs.items():
        found = list(check_targets(name, run.adapter, run.training, parts, run.quantization))
        if not found and run.adapter is not None and (refusal := find_refusal(folder, name, run.adapter)):
            found = [refusal]
        problems += found
    if problems:
        raise UserError("\n".join(f"{'.'.join(problem.path)}: {problem.text}" for problem in problems))


def find_refusal(folder: Path, run: str, adapter: dict[str, Any]) -> Problem | None:
    """Put an adapter on the model without weights, and return what PEFT says if it will not."""
    try:
        config = build_adapter_config(adapter, folder)
        with torch.device("meta"):
            get_peft_model(build_empty(folder), config, low_cpu_mem_usage=True)
    except (RuntimeError, NotImplementedError):
        return None  # a start that is computed from weights cannot be without them
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        return Problem(("runs", run, "adapter"), f"PEFT refuses it: {' '.join(str(error).split())[:300]}")
    return None
