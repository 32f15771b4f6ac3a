"""Complete prompts on a CPU with less work than `generate`, and with the same tokens.

Prompts are packed, so that what they begin with in common is computed once. Adapters are merged into copies of the
weights that they change, which saves two small products for each layer and token; in half precision, and where PEFT
cannot merge, they stay apart. `explain_undecodable` says what is left to `generate`.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import (
    Cache,
    DynamicCache,
    GenerationConfig,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.cache_utils import DynamicLayer

from tunelab.models.adapters import cast_lora_factors
from tunelab.models.packed_model import (
    LAST_TOKENS,
    NO_OTHER,
    TOKENWISE,
    attention_by,
    explain_unfit,
    find_base,
    find_prefix,
    list_types,
    pack_rows,
    run_packed,
)

RESERVED = 16  # places for tokens to come


class GrowingLayer(DynamicLayer):
    """A layer's keys and values [B, K, tokens + reserved places, D]; what is not written yet is 0.

    transformers' DynamicLayer allocates a new tensor for each token, a little larger than any that was freed before,
    which fragments memory. Here a token is written in place, and new tensors are made every RESERVED tokens.
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self._count = keys.shape[2]
        self.keys, self.values = _reserve(keys), _reserve(values)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the states of one token to each sequence; return all, with the reserved places."""
        if self._count == self.keys.shape[2]:
            self.keys, self.values = _reserve(self.keys), _reserve(self.values)
        self.keys[:, :, self._count] = key_states[:, :, 0]
        self.values[:, :, self._count] = value_states[:, :, 0]
        self._count += 1
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self._count


def _reserve(states: torch.Tensor) -> torch.Tensor:
    batch, heads, tokens, features = states.shape
    held = states.new_zeros(batch, heads, tokens + RESERVED, features)
    held[:, :, :tokens] = states
    return held


class MergedCopies:
    """Copies of the weights that a model's adapter changes, in which the adapter is merged; their memory is reused.

    The weights themselves are never written to. Not merged are layers that are not held in float32, as rounding would
    lose the change, and what PEFT cannot merge, such as a change of a bias that the layer lacks.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._model = model
        self._copies: dict[torch.nn.Parameter, torch.Tensor] = {}
        self._refused: set[BaseTunerLayer] = set()

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Have each layer that can be merged compute with its copies within the block."""
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
                except (RuntimeError, ValueError):  # which PEFT raises where it cannot merge
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


# settings that are obeyed here, or do not matter to a loop that takes one token after the other
OBEYED = {
    *("max_new_tokens", "do_sample", "temperature", "top_k", "top_p", "eos_token_id", "pad_token_id", "bos_token_id"),
    *("use_cache", "disable_compile", "length_penalty", "transformers_version"),
}
# settings that change nothing with these values
NEUTRAL = {
    **{"repetition_penalty": 1.0, "typical_p": 1.0, "num_beams": 1, "num_return_sequences": 1},
    **{"min_new_tokens": 0, "no_repeat_ngram_size": 0},
}
DONE = 1 / 8  # share of the sequences that must have ended before those are removed from the batch
BLOCK = 256  # tokens of the vocabulary whose probs are summed at a time


def explain_undecodable(model: Any, config: GenerationConfig) -> str | None:
    """Say why the model's own `generate` must complete prompts; None if `Decoder` can."""
    if unfit := explain_unfit(model):
        return unfit
    if getattr(model, "is_quantized", False):
        return "the base is quantised"
    if others := list_types(model) - TOKENWISE:
        return f"adapters of type {', '.join(sorted(others))} have not been checked for it"
    asked = {name for name, value in config.to_diff_dict().items() if value not in (None, NEUTRAL.get(name))}
    if unknown := asked - OBEYED:
        return f"decoding asks for {', '.join(sorted(unknown))}"
    if config.do_sample and config.top_k is None:
        return "top_k is left to the library"
    return None


def find_generate(model: Any, config: GenerationConfig) -> tuple[Callable[..., torch.Tensor], str]:
    """Return the fastest function that completes prompts as the model's own `generate` does, and its name."""
    if unfit := explain_undecodable(model, config):
        return model.generate, f"generate, as {unfit}"
    return Decoder(model).generate, "packed prompts"


class Decoder:
    """Complete prompts with a model, whose weights may change between calls."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._base = find_base(model)
        self._copies = MergedCopies(model)

    @torch.no_grad()
    def generate(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, generation_config: GenerationConfig
    ) -> torch.Tensor:
        """Return prompts and completions as `generate` does, padded after an end token.

        Shapes:
            input_ids, attention_mask: [B, T], prompts padded on the left
            returns: [B, T + new tokens]
        """
        was_training = self._model.training
        self._model.eval()  # no dropout
        try:
            with self._copies.in_place(), cast_lora_factors(self._model):
                return self._complete(input_ids, attention_mask, generation_config)
        finally:
            self._model.train(was_training)

    def _complete(self, ids: torch.Tensor, attention_mask: torch.Tensor, config: GenerationConfig) -> torch.Tensor:
        head, process = self._base.get_output_embeddings(), build_processors(config)
        ends = torch.tensor(config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id])
        width, most = ids.shape[1], config.max_new_tokens
        completed = torch.nn.functional.pad(ids, (0, most), value=config.pad_token_id)
        hidden_states, cache = self._read(ids, attention_mask)
        # a prefix stands before the padding
        attention_mask = torch.nn.functional.pad(attention_mask, (cache.get_seq_length() - width, 0), value=1)
        position = attention_mask.sum(1, keepdim=True)
        rows = torch.arange(len(ids))  # sequences that are being completed
        ended = torch.zeros(len(ids), dtype=torch.bool)
        with attention_by(LAST_TOKENS, self._base):
            for count in range(1, most + 1):
                logits = process(ids, head(hidden_states).float())
                sampled = draw_tokens(logits) if config.do_sample else logits.argmax(-1)
                token = sampled.masked_fill(ended, config.pad_token_id)
                completed[rows, width + count - 1] = token
                ended |= torch.isin(token, ends)
                if ended.all() or count == most:
                    break
                if ended.float().mean() >= DONE:
                    going = (~ended).nonzero()[:, 0]
                    cache.batch_select_indices(going)
                    rows, token, position, attention_mask, ended = (
                        states[going] for states in (rows, token, position, attention_mask, ended)
                    )
                attention_mask = torch.nn.functional.pad(attention_mask, (0, 1), value=1)
                output = self._base.base_model(
                    input_ids=token[:, None],
                    attention_mask=NO_OTHER,
                    position_ids=position,
                    past_key_values=cache,
                    use_cache=True,
                    visible=attention_mask.bool(),
                )
                hidden_states = output.last_hidden_state[:, -1]
                position = position + 1
        return completed[:, : width + count]

    def _read(self, ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, Cache]:
        """Compute the hidden states [B, H] of the prompts' last tokens, and the keys and values of all."""
        packing, prefix = pack_rows(ids, attention_mask), find_prefix(self._model)
        cache = DynamicCache() if prefix is None else prefix
        before = cache.get_seq_length()
        states = run_packed(self._base, packing, cache)
        # [1, K, before + N, D] → [B, K, before + T, D]
        places = torch.cat([torch.arange(before).expand(len(ids), -1), packing.places + before], 1)
        layers = [
            GrowingLayer(*(kept[0][:, places].transpose(0, 1) for kept in (layer.keys, layer.values)))
            for layer in cache.layers
        ]
        return states[packing.places[:, -1]], Cache(layers=layers)


def draw_tokens(logits: torch.Tensor) -> torch.Tensor:
    """Draw a token [B] from the softmax of logits [B, V], with one random number for each sequence.

    `torch.multinomial` draws one for each token of the vocabulary, which takes half as long as the model itself. The
    cdf is summed by blocks of the vocabulary, then token by token within one block.
    """
    probs = logits.sub(logits.amax(-1, keepdim=True)).exp_()  # not normalised
    blocks = torch.nn.functional.pad(probs, (0, -probs.shape[1] % BLOCK)).unflatten(1, (-1, BLOCK))
    cdf = blocks.sum(-1, dtype=torch.float64).cumsum(-1)
    drawn = torch.rand(len(logits), 1, dtype=torch.float64) * cdf[:, -1:]
    block = _find_first_above(cdf, drawn)
    before = torch.nn.functional.pad(cdf, (1, 0)).gather(1, block)
    within = blocks[torch.arange(len(blocks)), block[:, 0]].cumsum(-1, dtype=torch.float64)
    return (block * BLOCK + _find_first_above(within, drawn - before))[:, 0]


def _find_first_above(cdf: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Return the first place [B, 1] whose sum is above the draw, which rounding must not make as large as the last."""
    last = torch.nextafter(cdf[:, -1:], torch.zeros((), dtype=cdf.dtype))
    return torch.searchsorted(cdf, drawn.minimum(last), right=True)


def build_processors(config: GenerationConfig) -> LogitsProcessorList:
    """List what `generate` applies to the logits of the next token, in its order."""
    processors = LogitsProcessorList()
    if config.do_sample:
        if config.temperature not in (None, 1.0):
            processors.append(TemperatureLogitsWarper(config.temperature))
        if config.top_k:
            processors.append(TopKLogitsWarper(config.top_k))
        if config.top_p not in (None, 1.0):
            processors.append(TopPLogitsWarper(config.top_p))
    return processors
