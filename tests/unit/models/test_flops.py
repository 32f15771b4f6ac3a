"""What tokens cost in a model, by formulae of its shapes."""

import pytest
import torch
from peft import get_peft_model

from tests.unit.conftest import SHAPE
from tunelab.models import adapters, flops

NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
WIDTH, HIDDEN, LAYERS = SHAPE["hidden_size"], SHAPE["intermediate_size"], SHAPE["num_hidden_layers"]
WEIGHTS = LAYERS * (3 * WIDTH * WIDTH + 3 * WIDTH * HIDDEN)  # keys and values are half as wide as queries
ALL = {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"}
FACTORS = LAYERS * 4 * (2 * 2 * WIDTH + 2 * (WIDTH + WIDTH // 2) + 3 * (WIDTH + HIDDEN))


def load(folder, adapter=None, quantization=None):
    dtype = torch.bfloat16 if quantization else torch.float32
    model = adapters.load_base_model(folder, torch.device("cpu"), dtype, quantization)
    return get_peft_model(model, adapters.build_adapter_config(adapter, folder)) if adapter else model


def test_a_token_costs_two_operations_for_each_weight(llama):
    model = load(llama)
    rates = flops.measure_rates(model)
    assert rates == (2 * WEIGHTS, 2 * WIDTH * model.config.vocab_size, 4 * WIDTH * LAYERS, 0)


def test_learning_all_weights_costs_three_times_as_much_but_at_the_lowest_layer(llama):
    model = load(llama)
    with flops.recording_reach(model) as reach:
        model(torch.arange(60, 84)[None])
    forward, both = flops.measure_rates(model), flops.measure_rates(model, reach)
    # the embedding is learnt too, so that all inputs have gradients
    assert (both.token, both.scored) == (3 * forward.token, 3 * forward.scored)
    assert both.pair == 3.5 * forward.pair


def test_an_adapter_needs_no_gradient_of_frozen_weights_nor_of_what_lies_below_it(llama):
    model = load(llama, ALL)
    with flops.recording_reach(model) as reach:
        model(torch.arange(60, 84)[None])
    rates = flops.measure_rates(model, reach)
    below = WIDTH * WIDTH * 2 + 3 * 4 * WIDTH  # queries, keys and values of the first layer read the embedding
    assert rates.token == 4 * WEIGHTS + 6 * FACTORS - 2 * below
    with model.disable_adapter():
        assert flops.measure_rates(model) == flops.measure_rates(load(llama))


def test_weights_in_four_bits_count_as_they_were(llama):
    assert flops.measure_rates(load(llama, ALL, NF4)) == flops.measure_rates(load(llama, ALL))


def test_rows_count_without_their_padding_and_wherever_they_begin():
    ids, mask = torch.ones(2, 5, dtype=torch.long), torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    labels = torch.tensor([[-100, -100, -100, 7, 7], [-100, -100, -100, -100, 7]])
    assert flops.measure_inputs(ids, mask, labels=labels) == (8, 3, 9 + 25, 0)
    many_as_one = torch.tensor([[0, 1, 2, 0, 1]])
    assert flops.measure_inputs(ids[:1], position_ids=many_as_one) == (5, 5, 9 + 4, 0)
    assert flops.measure_inputs(ids) == (10, 10, 50, 0)


def test_each_new_token_meets_all_before_it(llama):
    assert flops.measure_drawing(load(llama), 10, 1) == (10, 1, 100, 0)
    assert flops.measure_drawing(load(llama), 10, 3) == (12, 3, 100 + 11 + 12, 0)
    prefix = load(llama, {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3})
    assert flops.measure_drawing(prefix, 10, 3) == (12, 3, 130 + 14 + 15, 1)
    prompt = load(llama, {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 3})
    assert flops.measure_drawing(prompt, 10, 3) == (15, 3, 169 + 14 + 15, 1)


def test_of_experts_only_the_chosen_ones_count(create_tiny):
    model = load(create_tiny("qwen3_moe"))
    config = model.config
    one = 3 * WIDTH * config.moe_intermediate_size
    attention = (
        2 * WIDTH * (config.num_attention_heads + config.num_key_value_heads) * (WIDTH // config.num_attention_heads)
    )
    routed = config.num_experts * WIDTH + config.num_experts_per_tok * one
    assert flops.measure_rates(model).token == 2 * LAYERS * (attention + routed)


@pytest.mark.parametrize("kind", ["olmo2", "gemma3_text", "phi3"])
def test_other_architectures_have_products_and_attention(create_tiny, kind):
    model = load(create_tiny(kind))
    size = sum(weight.numel() for weight in model.base_model.parameters() if weight.ndim == 2)
    embeddings = sum(
        module.weight.numel() for module in model.base_model.modules() if isinstance(module, torch.nn.Embedding)
    )
    rates = flops.measure_rates(model)
    assert rates.token == 2 * (size - embeddings)
    assert rates.pair > 0
