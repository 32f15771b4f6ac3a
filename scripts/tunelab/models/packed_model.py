"""Run a causal language model on packed rows, whatever adapter it has, and project only the positions that are wanted.

Where that does not fit (`explain_unfit`, `explain_unscorable`), the model is run row by row, as anyone would.
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

# Many rows as one, each distinct token once: no padding, and what rows begin with in common is computed once.
# A token's hidden state depends on the tokens before it in its row, and on nothing else. So the copies of a GRPO
# prompt, a system message that all rows have, and equal completions need one pass. Only attention, which costs the
# square of a row's length, goes back to the rows one by one.


class Packing(NamedTuple):
    """One row of n tokens that stands for several, of which the longest has `longest` tokens."""

    ids: torch.Tensor  # [1, n]
    positions: torch.Tensor  # [1, n], counted from the start of each token's own row
    rows: torch.Tensor  # [rows, longest], where among the n the tokens of each row are, from its first on; then 0
    homes: torch.Tensor  # [n], where in `rows`, flattened, each of the n is computed
    places: torch.Tensor  # [rows, width], where among the n each token of the padded rows is; 0 for padding


def pack_rows(ids: torch.Tensor, attention: torch.Tensor) -> Packing:
    """Pack rows of token ids [rows, width], padded on either side where `attention` is 0."""
    real = attention.bool()
    positions = (real.cumsum(1) - 1).clamp(min=0)
    # rows side by side from their first tokens on, padding (-1) last
    rows, columns = real.nonzero(as_tuple=True)
    aligned = torch.full((len(ids), int(positions.max()) + 1), -1, dtype=ids.dtype, device=ids.device)
    aligned[rows, positions[rows, columns]] = ids[rows, columns]
    # the first row with the same tokens up to here computes them for all
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


# Attention on a CPU: of packed rows, and of the last tokens of rows that are being completed.
# Queries, keys and values of packed rows are laid out row by row for the while, so that no token is compared with
# those of other rows. Short rows are then attended to by plain products, as are last tokens: PyTorch's kernel for CPUs
# is slow to go back through short rows and to go through single tokens, in bfloat16 above all.


# names under which transformers finds them
PACKED_ROWS, LAST_TOKENS = "packed_rows", "last_tokens"
# a mask that fits no tokens: attention by anything else, which would take all tokens for one row, fails
NO_OTHER = torch.empty(1, 1, 0, 0)
SHORT = 256  # tokens of a row; beyond, scores of all pairs take more memory than what else a layer keeps


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
    """Attend as transformers' own attention does in each row by itself, and return [1, n, heads, features].

    query, key, value: [1, heads, n, features] of packed tokens; keys and values may have others before them, which
    every row sees.
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
    # padding comes last in each row, where no token looks
    visible = query.new_ones(longest, before + longest, dtype=torch.bool).tril(before)
    if before + longest <= SHORT and not dropout:
        hidden = _hide(query, visible).repeat(query.shape[1] // keys.shape[1], 1)
        output = _attend_briefly(query, keys, values, hidden, scaling)
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
    """Attend from one token a row, [rows, heads, 1, features], to its keys as `visible` [rows, keys] allows.

    Keys beyond those are room for tokens to come (see `decoding`).
    """
    hidden = _hide(query, pad(visible, (0, key.shape[2] - visible.shape[1])))[:, None].repeat_interleave(
        key.shape[1], 0
    )
    return _attend_briefly(query, key, value, hidden, scaling), None


def _hide(like: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    return like.new_zeros(visible.shape).masked_fill(~visible, float("-inf"))


def _attend_briefly(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, hidden: torch.Tensor, scaling: float
) -> torch.Tensor:
    """Return [rows, tokens, heads, features]; queries that share a key's head are multiplied with it at once.

    hidden: 0 or minus infinity, of a form that fits [rows * heads of keys, queries of one, keys].
    """
    rows, heads, tokens, features = query.shape
    together = query.reshape(-1, heads // key.shape[1] * tokens, features)
    scores = torch.baddbmm(hidden, together, key.flatten(0, 1).transpose(1, 2), alpha=scaling)
    output = torch.bmm(scores.softmax(-1), value.flatten(0, 1))
    return output.view(rows, heads, tokens, features).transpose(1, 2)


def _pick(states: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return states[places]; rows share tokens, whose gradients an embedding adds up fast and in a fixed order."""
    return embedding(places, states.flatten(1)).unflatten(-1, states.shape[1:])


AttentionInterface.register(PACKED_ROWS, attend_by_rows)
AttentionInterface.register(LAST_TOKENS, attend_from_last)


def list_configs(model: torch.nn.Module) -> list[PreTrainedConfig]:
    """Return all configs that a model's modules go by, first its own: a module that was copied has one of its own."""
    held = [module.__dict__.get("config") for module in model.modules()]
    return list({id(config): config for config in held if isinstance(config, PreTrainedConfig)}.values())


@contextlib.contextmanager
def attention_by(name: str, model: torch.nn.Module) -> Iterator[None]:
    """Have all of a model attend by one of the two for the block; its calls must name what that asks for."""
    before = [(config, config._attn_implementation) for config in list_configs(model)]
    for config, _ in before:
        config._attn_implementation = name
    try:
        yield
    finally:
        for config, own in before:
            config._attn_implementation = own


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
