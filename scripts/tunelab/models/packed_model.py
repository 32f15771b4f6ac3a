"""Run a causal language model on packed rows, whatever adapter it has, and project only the positions that are wanted.

Where that does not fit (`explain_unfit`, `explain_unscorable`), the model is run row by row, as anyone would.
"""

from typing import Any

import torch
from peft import PeftModel
from transformers import DynamicCache

from tunelab.config.peft_types import PROMPT_LEARNING, WEIGHT_CHANGES
from tunelab.models.packed_attention import NO_OTHER, PACKED_ROWS, attention_by, list_configs
from tunelab.models.packing import Packing, pack_rows

# adapters that treat each token by itself, and those that all rows share before their first token
TOKENWISE = WEIGHT_CHANGES | {"PREFIX_TUNING", "CARTRIDGE"}
# every one of these has rotary positions, and no tie between tokens but attention; tests cover each
ARCHITECTURES = ("llama", "mistral", "qwen2", "qwen3")


def find_base(model: Any) -> Any:
    """Return the causal language model itself, whose layers an adapter may have changed."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def list_types(model: Any) -> set[str]:
    """Return the PEFT types of a model's adapters; none for a model without."""
    return {config.peft_type.value for config in model.peft_config.values()} if isinstance(model, PeftModel) else set()


def explain_unfit(model: Any) -> str | None:
    """Say why a causal language model's rows are not packed; None if they can be."""
    if model.device.type != "cpu":
        return "it is meant for CPUs"
    for config in list_configs(find_base(model)):
        if config.model_type not in ARCHITECTURES:
            return f"models of type {config.model_type} have not been checked for it"
        if set(getattr(config, "layer_types", None) or ["full_attention"]) != {"full_attention"}:
            return "some layers attend to a window of tokens"
        if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
            return "the layers attend to a window of tokens"
        if config._attn_implementation != "sdpa":
            return f"attention is computed by {config._attn_implementation}"
    if any(getattr(adapter, "alora_invocation_tokens", None) for adapter in getattr(model, "peft_config", {}).values()):
        return "the adapter begins to act at a place that differs from row to row"
    return None


def explain_unscorable(model: Any) -> str | None:
    """Say why the labels of a model's rows are not scored here; None if they can be."""
    if unfit := explain_unfit(model):
        return unfit
    if others := list_types(model) - TOKENWISE:
        return f"adapters of type {', '.join(sorted(others))} have not been checked for it"
    head = find_base(model).get_output_embeddings()
    if type(head) is not torch.nn.Linear or head.bias is not None or head.weight.requires_grad:
        return "the output layer is trained, adapted or biased"
    return None


def find_prefix(model: Any) -> DynamicCache | None:
    """Return the keys and values that an adapter puts before every row, of one row; None if it puts none."""
    return model.get_prompt(1) if list_types(model) & PROMPT_LEARNING else None


def find_hidden(
    model: Any,
    ids: torch.Tensor,
    attention: torch.Tensor | None,
    wanted: torch.Tensor,
    prefix: DynamicCache | None = None,
) -> torch.Tensor:
    """Return the last hidden states [n, width of a state] at the n positions `wanted` [rows, width - 1], row by row.

    prefix: keys and values that every row has before its first token; `attention` then begins with as many ones.
    """
    packing = pack_rows(ids, torch.ones_like(ids) if attention is None else attention[:, -ids.shape[1] :])
    first = [(layer.keys[:1], layer.values[:1]) for layer in prefix.layers] if prefix is not None else None
    hidden = run_packed(model, packing, DynamicCache(first) if first else None)
    # rows may share a position, and indexing would add their gradients up in the order in which threads come
    return hidden.index_select(0, packing.places[:, :-1][wanted])


def run_packed(model: Any, packing: Packing, cache: DynamicCache | None) -> torch.Tensor:
    """Return the last hidden states [n, width of a state] of packed tokens after those in the cache, which grows."""
    before = cache.get_seq_length() if cache is not None else 0
    with attention_by(PACKED_ROWS, model):
        output = model.base_model(
            input_ids=packing.ids,
            attention_mask=NO_OTHER,
            position_ids=packing.positions + before,
            past_key_values=cache,
            use_cache=cache is not None,
            packing=packing,
        )
    return output.last_hidden_state[0]


def project_wanted(model: Any, ids: torch.Tensor, attention: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the logits after the positions `wanted` [rows, width - 1], row by row: [positions, vocabulary]."""
    base = find_base(model)
    hidden = find_hidden(base, ids, attention, wanted, find_prefix(model))
    return base.get_output_embeddings()(hidden)
