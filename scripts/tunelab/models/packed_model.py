"""Run a causal language model on packed rows, with or without an adapter, and project only some of their positions.

Packed rows are many sequences as one, without padding, in which each distinct token stands once: what sequences begin
with in common is computed once. A token's hidden state depends only on the tokens before it in its sequence, so copies
of a GRPO prompt, a system message that all rows have, and equal completions need one pass. Attention alone, whose cost
grows with the square of the length, is computed for each sequence by itself.

Where that does not apply (`explain_unfit`, `explain_unscorable`), callers run the model on padded batches.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from peft import PeftModel
from torch.nn.functional import embedding, pad
from transformers import AttentionInterface, DynamicCache, PreTrainedConfig
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from tunelab.config.peft_types import PROMPT_LEARNING, WEIGHT_CHANGES


class Packing(NamedTuple):
    """N packed tokens that stand for B sequences, of at most T tokens, and how one is found from the other.

    Shapes:
        ids: [1, N]
        positions: [1, N], counted from the start of each token's own sequence
        rows: [B, T], index among the N of each sequence's tokens, from its first one on; then 0
        homes: [N], index in the flattened `rows` of the sequence that computes each of the N
        places: [B, padded width], index among the N of each token of the padded batch; 0 for padding
    """

    ids: torch.Tensor
    positions: torch.Tensor
    rows: torch.Tensor
    homes: torch.Tensor
    places: torch.Tensor


def pack_rows(ids: torch.Tensor, attention_mask: torch.Tensor) -> Packing:
    """Pack token ids [B, padded width], with padding on either side where `attention_mask` is 0."""
    real = attention_mask.bool()
    positions = (real.cumsum(1) - 1).clamp(min=0)
    # sequences aligned at their first tokens, padding (-1) last
    rows, columns = real.nonzero(as_tuple=True)
    aligned = torch.full((len(ids), int(positions.max()) + 1), -1, dtype=ids.dtype, device=ids.device)
    aligned[rows, positions[rows, columns]] = ids[rows, columns]
    # the first sequence with the same tokens up to here computes them for all
    same = (aligned[:, None] == aligned[None]).long().cumprod(-1)
    owners = same.argmax(1)
    own = (owners == torch.arange(len(ids), device=ids.device)[:, None]) & (aligned >= 0)
    kept_rows, kept = own.nonzero(as_tuple=True)
    index = torch.zeros_like(aligned)
    index[kept_rows, kept] = torch.arange(len(kept), device=ids.device)
    index = index.gather(0, owners)
    return Packing(
        ids=aligned[kept_rows, kept][None],
        positions=kept[None],
        rows=index,
        homes=own.flatten().nonzero()[:, 0],
        places=index.gather(1, positions).masked_fill(~real, 0),
    )


# --- attention on a CPU: of packed rows, and of the last tokens of sequences that are being completed. Queries, keys
# and values of packed rows are laid out sequence by sequence, so that tokens attend to their own sequence only. Short
# sequences and last tokens then take plain products: there PyTorch's kernel for CPUs is slow, above all in bfloat16.

# names by which transformers knows the two
PACKED_ROWS, LAST_TOKENS = "packed_rows", "last_tokens"
# a mask that fits no tokens, so that any other attention, which would take all tokens for one sequence, fails
NO_OTHER = torch.empty(1, 1, 0, 0)
SHORT = 256  # tokens of a sequence; beyond, the scores of all pairs take more memory than all else of a layer


def attend_by_rows(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    dropout: float,
    scaling: float,
    packing: Packing,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """Attend in each packed sequence by itself, as transformers' own attention does.

    Shapes:
        query: [1, A, N, D]
        key, value: [1, K, P + N, D], where all sequences see the P tokens of a prefix
        returns: [1, N, A, D]
    """
    count, longest = packing.rows.shape
    before = key.shape[2] - query.shape[2]
    query, keys, values = (
        _pick(states[0, :, first:].transpose(0, 1), packing.rows).transpose(1, 2)
        for states, first in ((query, 0), (key, before), (value, before))
    )
    if before:
        keys, values = (
            torch.cat([states[:, :, :before].expand(count, -1, -1, -1), own], 2)
            for states, own in ((key, keys), (value, values))
        )
    # padding comes last in each sequence, which no token attends to
    visible = query.new_ones(longest, before + longest, dtype=torch.bool).tril(before)
    if before + longest <= SHORT and not dropout:
        mask_bias = _build_mask_bias(query, visible).repeat(query.shape[1] // keys.shape[1], 1)
        output = _attend_briefly(query, keys, values, mask_bias, scaling)
    else:
        output, _ = sdpa_attention_forward(
            module, query, keys, values, visible[None, None] if before else None, dropout, scaling, **settings
        )
    return _pick(output.flatten(0, 1), packing.homes)[None], None


def attend_from_last(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float,
    visible: torch.Tensor,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend from the last token of each sequence to its keys.

    Shapes:
        query: [B, A, 1, D]
        key, value: [B, K, S, D], whose last places may be reserved for tokens to come (see `decoding`)
        visible: [B, at most S], which keys a sequence sees
        returns: [B, 1, A, D]
    """
    mask_bias = _build_mask_bias(query, pad(visible, (0, key.shape[2] - visible.shape[1])))[:, None].repeat_interleave(
        key.shape[1], 0
    )
    return _attend_briefly(query, key, value, mask_bias, scaling), None


def _build_mask_bias(like: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    return like.new_zeros(visible.shape).masked_fill(~visible, float("-inf"))


def _attend_briefly(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask_bias: torch.Tensor, scaling: float
) -> torch.Tensor:
    """Attend by plain products; queries that share a head of keys are multiplied with it at once.

    Shapes:
        query: [B, A, T, D]
        key, value: [B, K, S, D]
        mask_bias: 0 or minus infinity, broadcast to [B * K, A / K * T, S]
        returns: [B, T, A, D]
    """
    rows, heads, tokens, features = query.shape
    together = query.reshape(-1, heads // key.shape[1] * tokens, features)
    scores = torch.baddbmm(mask_bias, together, key.flatten(0, 1).transpose(1, 2), alpha=scaling)
    output = torch.bmm(scores.softmax(-1), value.flatten(0, 1))
    return output.view(rows, heads, tokens, features).transpose(1, 2)


def _pick(states: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return states[places]. As an embedding, it sums the gradients of shared tokens fast and in a fixed order."""
    return embedding(places, states.flatten(1)).unflatten(-1, states.shape[1:])


AttentionInterface.register(PACKED_ROWS, attend_by_rows)
AttentionInterface.register(LAST_TOKENS, attend_from_last)


def list_configs(model: torch.nn.Module) -> list[PreTrainedConfig]:
    """Return the configs of all of a model's modules, its own first: a module that was copied has one of its own."""
    held = [module.__dict__.get("config") for module in model.modules()]
    return list({id(config): config for config in held if isinstance(config, PreTrainedConfig)}.values())


@contextlib.contextmanager
def attention_by(name: str, model: torch.nn.Module) -> Iterator[None]:
    """Have all of a model attend by one of the two within the block; calls must pass what that one takes."""
    before = [(config, config._attn_implementation) for config in list_configs(model)]
    for config, _ in before:
        config._attn_implementation = name
    try:
        yield
    finally:
        for config, own in before:
            config._attn_implementation = own


# adapters that treat each token by itself, and prefixes that all sequences share
TOKENWISE = WEIGHT_CHANGES | {"PREFIX_TUNING", "CARTRIDGE"}
# all of these have rotary positions, and only attention ties tokens together; tests cover each
ARCHITECTURES = ("llama", "mistral", "qwen2", "qwen3")


def find_base(model: Any) -> Any:
    """Return the causal language model within an adapter's wrapper, if there is one."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def list_types(model: Any) -> set[str]:
    """Return the PEFT types of a model's adapters; none for a model without."""
    return {config.peft_type.value for config in model.peft_config.values()} if isinstance(model, PeftModel) else set()


def explain_unfit(model: Any) -> str | None:
    """Say why a model cannot run on packed rows; None if it can."""
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
    """Say why the logits of packed rows are not computed here; None if they can be."""
    if unfit := explain_unfit(model):
        return unfit
    if others := list_types(model) - TOKENWISE:
        return f"adapters of type {', '.join(sorted(others))} have not been checked for it"
    head = find_base(model).get_output_embeddings()
    if type(head) is not torch.nn.Linear or head.bias is not None or head.weight.requires_grad:
        return "the output layer is trained, adapted or biased"
    return None


def find_prefix(model: Any) -> DynamicCache | None:
    """Return an adapter's prefix, keys and values for one sequence; None if it has none."""
    return model.get_prompt(1) if list_types(model) & PROMPT_LEARNING else None


def compute_hidden_states(
    model: Any,
    ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    wanted: torch.Tensor,
    prefix: DynamicCache | None = None,
) -> torch.Tensor:
    """Compute the last hidden states at some positions.

    Args:
        prefix: keys and values that stand before every sequence; `attention_mask` then begins with as many ones.

    Shapes:
        ids: [B, T]
        wanted: [B, T - 1], true at N positions
        returns: [N, H], in the order of `wanted`
    """
    packing = pack_rows(ids, torch.ones_like(ids) if attention_mask is None else attention_mask[:, -ids.shape[1] :])
    first = [(layer.keys[:1], layer.values[:1]) for layer in prefix.layers] if prefix is not None else None
    hidden_states = run_packed(model, packing, DynamicCache(first) if first else None)
    # sequences share positions, whose gradients indexing would add up in the order in which threads finish
    return hidden_states.index_select(0, packing.places[:, :-1][wanted])


def run_packed(model: Any, packing: Packing, cache: DynamicCache | None) -> torch.Tensor:
    """Return the last hidden states [N, H] of packed tokens, which follow those in the cache and are added to it."""
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


def project_positions(
    model: Any, ids: torch.Tensor, attention_mask: torch.Tensor, wanted: torch.Tensor
) -> torch.Tensor:
    """Return the logits [N, V] after the N positions `wanted` [B, T - 1] of ids [B, T]."""
    base = find_base(model)
    hidden_states = compute_hidden_states(base, ids, attention_mask, wanted, find_prefix(model))
    return base.get_output_embeddings()(hidden_states)
