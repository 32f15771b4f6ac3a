"""List a fetched model's modules, and check whether PEFT can put an adapter on it, without loading weights."""

from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from tunelab.config.drafts import Problem
from tunelab.config.module_checks import check_patterns, check_targets
from tunelab.errors import UserError
from tunelab.models.adapters import build_adapter_config

# what PEFT and transformers raise for settings that do not suit a model
ERRORS = (RuntimeError, ValueError, TypeError, LookupError, AttributeError)
WINDOWED = ("sliding_attention", "chunked_attention")


def build_empty(folder: Path) -> PreTrainedModel:
    """Build a fetched model's modules without any weights."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, trust_remote_code=False))


def list_parts(model: PreTrainedModel) -> dict[str, Any]:
    """Return a model's modules by their names, and what else `config.module_checks` needs."""
    config, head, table = model.config.get_text_config(), model.get_output_embeddings(), model.get_input_embeddings()
    names = {module: name for name, module in model.named_modules() if name}
    return {
        "model_type": config.model_type,
        "modules": list(names.values()),
        "parameters": [name for name, _ in model.named_parameters()],
        "head": names.get(head),
        "embedding": names.get(table),
        "tied": head is not None and head.weight is table.weight,
        "kinds_of_layers": bool(getattr(config, "layer_types", None)),
        "layers": config.num_hidden_layers,
        "vocabulary": config.vocab_size,
        "window": _find_window(config),
        "routed": hasattr(config, "output_router_logits"),
    }


def _find_window(config: Any) -> int | None:
    """Return the smallest attention window, in tokens, of a model's layers; None if none has a window."""
    window = getattr(config, "sliding_window", None) or getattr(config, "attention_chunk_size", None)
    kinds = getattr(config, "layer_types", None)
    windowed = any(kind in WINDOWED for kind in kinds) if kinds else getattr(config, "use_sliding_window", True)
    return window if window and windowed else None


def check_runs(folder: Path, runs: dict[str, Any], parts: dict[str, Any]) -> None:
    """Raise `UserError` if runs name modules that the model lacks, or PEFT cannot put their adapters on it."""
    problems: list[Problem] = []
    for name, run in runs.items():
        found = list(check_targets(name, run.adapter, run.training, parts, run.quantization))
        if not found and run.adapter is not None and (refusal := find_refusal(folder, name, run.adapter)):
            found = [refusal]
        problems += found
    if problems:
        raise UserError("\n".join(f"{'.'.join(problem.path)}: {problem.text}" for problem in problems))


def check_adapter(folder: Path, adapter: dict[str, Any]) -> None:
    """Raise `UserError` if PEFT cannot put an adapter on a model, or the model does not run with it."""
    with torch.random.fork_rng(devices=[]):  # a training that follows draws the same numbers as without this check
        refusal = find_refusal(folder, "", adapter)
    if refusal is not None:
        key = ".".join(refusal.path[2:])
        raise UserError(f"{key}: {refusal.text}")


def find_refusal(folder: Path, run: str, adapter: dict[str, Any]) -> Problem | None:
    """Put an adapter on the model without weights and run it; return the error of PEFT or the model, if any."""
    here, base = ("runs", run, "adapter"), build_empty(folder)
    runs_empty = _try_out(base) is None
    try:
        model = adapt_empty(base, folder, adapter)
    except ERRORS as error:
        return _tell(here, "PEFT refuses it", error)
    adapted = getattr(model.base_model, "targeted_module_names", [])
    if unmet := next(check_patterns(here, adapter, adapted), None):
        return unmet
    if not runs_empty:
        return None
    if error := _try_out(model):
        return _tell(here, "the model does not run with it", error)
    return None


def adapt_empty(base: PreTrainedModel, folder: Path, adapter: dict[str, Any]) -> Any:
    """Put an adapter on a model without weights."""
    with torch.device("meta"):
        return get_peft_model(base, build_adapter_config(adapter, folder), low_cpu_mem_usage=True)


def _try_out(model: Any) -> Exception | None:
    """Run a model without weights; return its error, or one that says that nothing of it would be trained."""
    try:
        with torch.device("meta"):
            logits = model(input_ids=torch.zeros(1, 4, dtype=torch.long)).logits
        if not logits.requires_grad:
            raise ValueError("nothing that it trains has a part in what the model says")
    except ERRORS as error:
        return error
    return None


def _tell(path: tuple, what: str, error: Exception) -> Problem | None:
    if lacks_weights(error):
        return None
    text = " ".join(str(error).split())[:300]
    kind = f"{type(error).__name__}: " if isinstance(error, LookupError | AttributeError) else ""
    return Problem(path, f"{what}: {kind}{text}")


def lacks_weights(error: Exception) -> bool:
    """Tell whether PyTorch raised an error because the model has no weights."""
    return isinstance(error, RuntimeError) and "meta" in str(error).lower()
