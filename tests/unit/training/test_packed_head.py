"""Packed rows have the log-probabilities and gradients of TRL's own head, to the rounding of float32."""

import copy
from types import SimpleNamespace

import pytest
import torch
from models.architectures import ADAPTERS, build_model, build_rows
from trl.trainer.utils import add_fused_lm_head

from tunelab.models.packed_model import ARCHITECTURES, TOKENWISE
from tunelab.training.packed_head import add_packed_head, explain_unpacked

pytestmark = pytest.mark.slow
TEMPERATURE = 0.7
PLAIN = SimpleNamespace(world_size=1, gradient_checkpointing=False, packing=False, padding_free=False)


def score(model, ids, attention, packed):
    """Return what the head gives, and every gradient of a weighted sum of the log-probabilities."""
    outputs = ("log_probs", "entropy", "is_top1")
    add_fused_lm_head(model.get_base_model() if hasattr(model, "peft_config") else model, TEMPERATURE, outputs=outputs)
    if packed:
        trainer = SimpleNamespace(model=model, args=PLAIN)
        assert explain_unpacked(trainer) is None
        add_packed_head(trainer, TEMPERATURE)
    labels = ids.masked_fill(attention == 0, -100)
    labels[:, :9] = -100
    output = model(input_ids=ids, attention_mask=attention, labels=labels, use_cache=False, fused_lm_head=True)
    (output.log_probs * torch.linspace(-1, 2, output.log_probs.numel()).view_as(output.log_probs)).sum().backward()
    return output, {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def build(model_type, peft_type):
    model = build_model(model_type, peft_type, **({"sliding_window": None} if model_type == "mistral" else {}))
    if peft_type is None:
        model.get_output_embeddings().weight.requires_grad_(False)
    return model


def check_equal(found, expected):
    (output, gradients), (right, right_gradients) = found, expected
    torch.testing.assert_close(output.log_probs, right.log_probs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(output.entropy, right.entropy, rtol=0, atol=1e-5)
    torch.testing.assert_close(output.loss, right.loss, rtol=1e-6, atol=0)
    assert torch.equal(output.is_top1, right.is_top1) and torch.equal(output.label_mask, right.label_mask)
    assert gradients.keys() == right_gradients.keys() and gradients
    for name, gradient in gradients.items():
        size = right_gradients[name].abs().max()
        assert (gradient - right_gradients[name]).abs().max() <= 1e-5 * size, name


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_scores_and_gradients_are_those_of_trl(model_type, side):
    ids, attention = build_rows(side)
    models = [build(model_type, "LORA") for _ in range(2)]
    found, expected = (score(model, ids, attention, packed=not n) for n, model in enumerate(models))
    check_equal(found, expected)


@pytest.mark.parametrize("peft_type", sorted(TOKENWISE))
def test_every_adapter_that_treats_each_token_alike_has_its_gradients(peft_type):
    ids, attention = build_rows()
    models = [build("llama", peft_type) for _ in range(2)]
    found, expected = (score(model, ids, attention, packed=not n) for n, model in enumerate(models))
    check_equal(found, expected)


def test_a_prefix_is_as_near_to_a_row_that_is_padded_on_the_left_as_to_the_row_alone():
    ids, attention = build_rows("left")
    packed, _ = score(build("llama", "PREFIX_TUNING"), ids, attention, packed=True)
    for row, real in enumerate(attention.bool()):
        alone = build("llama", "PREFIX_TUNING")
        add_fused_lm_head(alone.get_base_model(), TEMPERATURE)
        kept = ids[row, real][None]
        expected = alone(input_ids=kept, attention_mask=torch.ones_like(kept), labels=kept, fused_lm_head=True)
        found = packed.log_probs[row][packed.label_mask[row]]
        torch.testing.assert_close(found, expected.log_probs[0, -len(found) :], rtol=0, atol=1e-5)


@pytest.mark.parametrize("peft_type", ["LORA", "PREFIX_TUNING"])
def test_long_rows_are_attended_to_by_the_library(peft_type, monkeypatch):
    from tunelab.models import packed_model

    ids, attention = build_rows("left")
    briefly = score(build("llama", peft_type), ids, attention, packed=True)
    monkeypatch.setattr(packed_model, "SHORT", 10)
    monkeypatch.delattr(packed_model, "_attend_briefly")
    check_equal(score(build("llama", peft_type), ids, attention, packed=True), briefly)


def test_gradients_are_the_same_to_the_bit_each_time_also_where_many_rows_share_a_position():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        ids, attention = (rows.repeat(16, 1) for rows in build_rows())
        first, *others = (score(build("llama", "LORA"), ids, attention, packed=True)[1] for _ in range(6))
    finally:
        torch.set_num_threads(threads)
    for gradients in others:
        assert all(torch.equal(gradient, first[name]) for name, gradient in gradients.items())


def test_a_batch_without_a_label_is_a_zero_with_a_gradient():
    model = build("llama", "LORA")
    ids, attention = build_rows()
    add_fused_lm_head(model.get_base_model())
    add_packed_head(SimpleNamespace(model=model, args=PLAIN))
    output = model(input_ids=ids, attention_mask=attention, labels=torch.full_like(ids, -100), fused_lm_head=True)
    output.loss.backward()
    assert output.loss == 0 and not output.label_mask.any()


def test_calls_that_ask_for_more_stay_with_trl():
    model, called = build("llama", None), []
    model.forward = lambda *args, **inputs: called.append(sorted(inputs))
    add_packed_head(SimpleNamespace(model=model, args=PLAIN))
    ids, _ = build_rows()
    model.forward(input_ids=ids)
    model.forward(input_ids=ids, labels=ids, position_ids=ids, fused_lm_head=True)
    assert called == [["input_ids"], ["fused_lm_head", "input_ids", "labels", "position_ids"]]


@pytest.mark.parametrize(
    ("peft_type", "settings", "reason"),
    [
        ("LORA", {"gradient_checkpointing": True}, "training.gradient_checkpointing is set"),
        ("LORA", {"entropy_coef": 0.1}, "training.entropy_coef is set"),
        ("LORA", {"packing": True}, "training.packing is set"),
        ("LORA", {"world_size": 2}, "several processes share the training"),
        ("PROMPT_TUNING", {}, "adapters of type PROMPT_TUNING have not been checked"),
    ],
)
def test_what_does_not_fit_is_told(peft_type, settings, reason):
    trainer = SimpleNamespace(model=build("llama", peft_type), args=SimpleNamespace(**(vars(PLAIN) | settings)))
    assert reason in explain_unpacked(trainer)


def test_a_trained_output_layer_is_left_to_trl():
    trainer = SimpleNamespace(model=build_model("llama"), args=PLAIN)
    assert explain_unpacked(trainer) == "the output layer is trained, adapted or biased"


def test_a_module_that_attends_otherwise_than_the_model_is_told():
    model = build("llama", "LORA")
    copied = model.get_base_model().model.layers[1].self_attn
    copied.config = copy.deepcopy(copied.config)
    copied.config._attn_implementation = "eager"
    assert explain_unpacked(SimpleNamespace(model=model, args=PLAIN)) == "attention is computed by eager"


def test_attention_that_is_not_reached_fails_rather_than_takes_all_rows_for_one(monkeypatch):
    model, (ids, attention) = build("llama", "LORA"), build_rows()
    hidden = copy.deepcopy(model.config)
    hidden._attn_implementation = "sdpa"
    monkeypatch.setattr(type(model.get_base_model().model.layers[1].self_attn), "config", hidden, raising=False)
    del model.get_base_model().model.layers[1].self_attn.config
    with pytest.raises(RuntimeError, match="size of tensor"):
        score(model, ids, attention, packed=True)


def test_every_type_is_tried_here():
    assert set(ADAPTERS) >= TOKENWISE
