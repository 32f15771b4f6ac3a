"""Completions are those of `generate`, for every model and adapter that is not left to it; draws have its shares."""

import pytest
import torch
from architectures import ADAPTERS, build_model, build_rows
from peft import LoraConfig, get_peft_model
from transformers import GenerationConfig

from tunelab.config.peft_types import WEIGHT_CHANGES
from tunelab.models.decoding import Decoder, build_processors, draw_tokens, explain_undecodable, find_generate
from tunelab.models.packed_model import ARCHITECTURES

pytestmark = pytest.mark.slow
ENDS = [3, 4, 5, 6]
DRAWN = {
    "from all": {"top_k": 0},
    "from the best": {"temperature": 0.8, "top_k": 50, "top_p": 0.9},
    "colder": {"temperature": 0.3, "top_k": 0},
}


def build_config(**fields):
    # tokens 7 to 60 end a completion too: a fifth of what a random model says
    return GenerationConfig(max_new_tokens=12, eos_token_id=[*ENDS, *range(7, 60)], pad_token_id=0, **fields)


def complete(generate, config, side="left"):
    ids, attention = build_rows(side)
    torch.manual_seed(2)
    return generate(input_ids=ids, attention_mask=attention, generation_config=config)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_the_tokens_are_those_of_generate(model_type):
    fields = {"sliding_window": None} if model_type == "mistral" else {}
    model, config = build_model(model_type, **fields), build_config(do_sample=False)
    assert explain_undecodable(model, config) is None
    expected = complete(model.generate, config)
    assert len({tuple(row) for row in expected.tolist()}) > 4
    assert torch.equal(complete(Decoder(model).generate, config), expected)


@pytest.mark.parametrize("drawing", DRAWN.values(), ids=DRAWN)
@pytest.mark.parametrize("model_type", ["llama", "qwen2"])
def test_a_draw_from_one_token_is_that_of_generate(model_type, drawing):
    """Where a temperature leaves one token, draws are certain, whatever random numbers they take."""
    model, config = build_model(model_type), build_config(do_sample=True, **(drawing | {"temperature": 1e-4}))
    expected = complete(model.generate, config)
    assert torch.equal(complete(Decoder(model).generate, config), expected)


@pytest.mark.parametrize("drawing", DRAWN.values(), ids=DRAWN)
def test_tokens_are_drawn_by_their_shares(drawing):
    config = build_config(do_sample=True, **drawing)
    torch.manual_seed(0)
    scores = 2 * torch.randn(1, 40)
    scores = build_processors(config)(torch.zeros(1, 1, dtype=torch.long), scores)
    shares, count = scores.softmax(-1)[0], 40_000
    found = draw_tokens(scores.expand(count, -1)).bincount(minlength=40) / count
    assert not found[shares == 0].any()
    assert ((found - shares).abs() <= 4.5 * (shares * (1 - shares) / count).sqrt()).all()


def test_a_token_of_no_share_is_never_drawn(monkeypatch):
    """A draw of exactly 0 falls on the first token that has a share, and one just below 1 on the last."""
    scores = torch.tensor([[-torch.inf, 1.0, -torch.inf, 2.0, -torch.inf]])
    for drawn, expected in ((0.0, 1), (1 - 2**-53, 3)):
        monkeypatch.setattr(
            torch, "rand", lambda *shape, drawn=drawn, **_: torch.full(shape, drawn, dtype=torch.double)
        )
        assert draw_tokens(scores).tolist() == [expected]


@pytest.mark.parametrize("peft_type", sorted(WEIGHT_CHANGES))
def test_adapters_are_merged_for_the_while_and_no_weight_is_touched(peft_type):
    model, config = build_model("llama", peft_type), build_config(do_sample=False)
    assert explain_undecodable(model, config) is None
    plain = complete(build_model("llama").generate, config)
    expected = complete(model.generate, config)
    assert not torch.equal(expected, plain)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    decoder = Decoder(model)
    assert torch.equal(complete(decoder.generate, config), expected)
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    # the next call has the weights as they have become
    for weight in model.parameters():
        weight.data *= 1.1 if weight.requires_grad else 1.0
    assert torch.equal(complete(decoder.generate, config), complete(model.generate, config))


@pytest.mark.parametrize("peft_type", ["PREFIX_TUNING", "CARTRIDGE"])
def test_a_prefix_stands_before_every_prompt(peft_type):
    model, config = build_model("llama", peft_type), build_config(do_sample=False)
    assert explain_undecodable(model, config) is None
    ids, attention = build_rows("left")
    found = Decoder(model).generate(ids, attention, config)[:, ids.shape[1] :]
    expected = [
        model.generate(input_ids=row[seen.bool()][None], generation_config=config)[0, seen.sum() :]
        for row, seen in zip(ids, attention, strict=True)
    ]
    longest = max(map(len, expected))
    assert torch.equal(found, torch.stack([torch.nn.functional.pad(row, (0, longest - len(row))) for row in expected]))
    with model.disable_adapter():
        assert not torch.equal(complete(model.generate, config)[:, ids.shape[1] :], found)
    for weight in model.parameters():  # the next call has the prefix as it has become
        weight.data += 0.5 * torch.randn_like(weight) if weight.requires_grad else 0.0
    assert not torch.equal(Decoder(model).generate(ids, attention, config)[:, ids.shape[1] :], found)


def test_a_weight_that_two_layers_share_is_changed_for_the_one_that_is_adapted():
    adapter = LoraConfig(task_type="CAUSAL_LM", target_modules=["lm_head"], init_lora_weights=False)
    model = get_peft_model(build_model("llama", tie_word_embeddings=True), adapter).eval()
    assert model.get_input_embeddings().weight is model.get_output_embeddings().base_layer.weight
    expected = complete(model.generate, build_config(do_sample=False))
    assert torch.equal(complete(Decoder(model).generate, build_config(do_sample=False)), expected)


def test_what_peft_cannot_merge_stays_apart_beside_what_it_can(monkeypatch):
    adapter = LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj", "down_proj"], lora_bias=True)
    model, config = get_peft_model(build_model("qwen2"), adapter).eval(), build_config(do_sample=False)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data += 0.2 * torch.randn_like(weight)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    decoder = Decoder(model)
    for _ in range(2):
        assert torch.equal(complete(decoder.generate, config), complete(model.generate, config))
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    with decoder._copies.in_place():  # queries have a bias in this model, and nothing else has one
        merged = {name.rsplit(".", 1)[-1] for name, module in model.named_modules() if getattr(module, "merged", False)}
    assert merged == {"q_proj"}


def test_in_half_precision_adapters_stay_apart(monkeypatch):
    from peft.tuners.lora import Linear

    monkeypatch.setattr(Linear, "merge", None)
    model, config = build_model("llama", "LORA").to(torch.bfloat16), build_config(do_sample=False)
    assert complete(Decoder(model).generate, config).shape[0] == 6


def test_a_failure_leaves_the_model_as_it_was(monkeypatch):
    model = build_model("llama", "LORA").train()
    before = {name: weight.data_ptr() for name, weight in model.named_parameters()}
    decoder = Decoder(model)
    monkeypatch.setattr(decoder, "_read", lambda ids, attention: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        complete(decoder.generate, build_config(do_sample=False))
    assert {name: weight.data_ptr() for name, weight in model.named_parameters()} == before
    assert model.training and not any(getattr(module, "merged", False) for module in model.modules())


@pytest.mark.parametrize(
    ("peft_type", "fields", "reason"),
    [
        ("PROMPT_TUNING", {}, "adapters of type PROMPT_TUNING have not been checked"),
        ("LN_TUNING", {}, "adapters of type LN_TUNING have not been checked"),
        (None, {"repetition_penalty": 1.2}, "decoding asks for repetition_penalty"),
        (None, {"num_beams": 2}, "decoding asks for num_beams"),
        (None, {"min_p": 0.1, "do_sample": True, "top_k": 0}, "decoding asks for min_p"),
        (None, {"suppress_tokens": [8]}, "decoding asks for suppress_tokens"),
        (None, {"do_sample": True}, "top_k is left to the library"),
    ],
)
def test_what_does_not_fit_is_left_to_generate_with_the_reason(peft_type, fields, reason):
    model = build_model("llama", peft_type)
    generate, how = find_generate(model, build_config(**fields))
    assert generate == model.generate
    assert how.startswith("generate, as ") and reason in how


@pytest.mark.parametrize(
    ("model_type", "fields", "reason"),
    [
        ("mistral", {"sliding_window": 8}, "window of tokens"),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 0}, "window of tokens"),
        ("llama", {"attn_implementation": "eager"}, "attention is computed by eager"),
        ("gpt_neox", {}, "models of type gpt_neox have not been checked"),
    ],
)
def test_models_whose_tokens_are_tied_otherwise_are_left_to_generate(model_type, fields, reason):
    assert reason in explain_undecodable(build_model(model_type, **fields), build_config(do_sample=False))


def test_every_type_that_only_changes_weights_is_tried_here():
    assert set(ADAPTERS) >= WEIGHT_CHANGES
