"""LoRA layers compute what PEFT's do, with fewer casts; what is not plain LoRA stays PEFT's."""

import pytest
import torch
from architectures import build_model
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear

from tunelab.models import adapters
from tunelab.models.adapters import LoraProduct, cast_lora_factors, draw_dropout_mask, use_lora_products

PLAIN = {"r": 4, "lora_alpha": 8, "init_lora_weights": False, "target_modules": ["q_proj", "down_proj"]}
LEFT_TO_PEFT = {
    "DoRA": PLAIN | {"use_dora": True},
    "a bias of the second factor": PLAIN | {"lora_bias": True},
    "a trained bias of the layer": PLAIN | {"bias": "lora_only", "target_modules": ["q_proj"]},
}


def build(model_type="qwen2", dtype=torch.float32, **fields):
    torch.manual_seed(3)
    model = get_peft_model(build_model(model_type).to(dtype), LoraConfig(task_type="CAUSAL_LM", **(PLAIN | fields)))
    return model.eval()


def run(model):
    """Return the loss and the gradients of all trained weights."""
    ids = torch.arange(7, 47).view(2, 20)
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    return loss.detach(), {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.fixture
def products(monkeypatch):
    """Count the products that are taken the lean way."""
    count, apply = [], LoraProduct.apply
    monkeypatch.setattr(LoraProduct, "apply", lambda *inputs: count.append(1) or apply(*inputs))
    return count


@pytest.mark.parametrize("model_type", ["llama", "qwen2"])  # without and with biases
def test_values_and_gradients_are_those_of_peft(model_type, products):
    loss, gradients = run(build(model_type))
    lean = build(model_type)
    use_lora_products(lean)
    found, others = run(lean)
    assert len(products) == 2 * lean.config.num_hidden_layers
    torch.testing.assert_close(found, loss, rtol=0, atol=1e-6)
    for name, gradient in gradients.items():
        torch.testing.assert_close(others[name], gradient, rtol=1e-5, atol=1e-6)


def test_in_bfloat16_factors_are_rounded_and_gradients_are_not(products):
    model = build(dtype=torch.bfloat16)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.float()
    use_lora_products(model)
    with torch.autocast("cpu", torch.bfloat16):
        loss, gradients = run(model)
    expected, exact = run(build())
    assert products
    assert loss == pytest.approx(expected.item(), abs=0.02)
    for name, gradient in gradients.items():
        assert gradient.dtype == torch.float32
        assert (gradient - exact[name]).norm() < 0.1 * exact[name].norm()


@pytest.mark.parametrize("fields", LEFT_TO_PEFT.values(), ids=LEFT_TO_PEFT)
def test_what_is_not_plain_is_left_to_peft(fields, products):
    model = build(**fields)
    use_lora_products(model)
    run(model)
    assert not products


def test_adapters_that_are_off_merged_or_several_are_left_to_peft(products):
    model = build()
    use_lora_products(model)
    ids = torch.arange(7, 27)[None]
    with model.disable_adapter():
        off = model(ids).logits
    torch.testing.assert_close(off, build_model("qwen2").eval()(ids).logits)
    model.add_adapter("second", LoraConfig(task_type="CAUSAL_LM", **PLAIN))
    model.base_model.set_adapter(["default", "second"])
    both = model(ids).logits
    model.merge_adapter()
    torch.testing.assert_close(model(ids).logits, both, rtol=1e-4, atol=1e-5)
    assert not products


def test_the_active_adapter_is_the_one_that_counts():
    model = build()
    use_lora_products(model)
    ids = torch.arange(7, 27)[None]
    first = model(ids).logits
    model.add_adapter("ref", LoraConfig(task_type="CAUSAL_LM", **(PLAIN | {"init_lora_weights": True})))
    model.set_adapter("ref")
    torch.testing.assert_close(model(ids).logits, build_model("qwen2").eval()(ids).logits)
    model.set_adapter("default")
    assert torch.equal(model(ids).logits, first)


@pytest.mark.parametrize("dropout", [0.05, 0.5])
def test_a_dropout_drops_its_share_and_keeps_the_mean(dropout):
    torch.manual_seed(0)
    kept = draw_dropout_mask(torch.ones(700, 577), dropout)
    assert kept.unique().tolist() == [0.0, pytest.approx(1 / (1 - dropout))]
    assert (kept == 0).float().mean().item() == pytest.approx(dropout, abs=3 * (dropout / kept.numel()) ** 0.5)
    # neighbours are drawn apart from each other
    pairs = (kept[:, 1:] + kept[:, :-1] == 0).float().mean().item()
    assert pairs == pytest.approx(dropout**2, abs=3 * dropout / kept.numel() ** 0.5)


def test_what_a_dropout_drops_has_no_gradient_by_the_adapter():
    torch.manual_seed(0)
    x, a, b = torch.randn(6, 8, requires_grad=True), torch.randn(2, 8, requires_grad=True), torch.randn(5, 2)
    weight = torch.randn(5, 8)
    state = torch.get_rng_state()
    output = LoraProduct.apply(x, weight, None, a, b, 2.0, 0.5)
    output.square().sum().backward()
    found = x.grad.clone(), a.grad.clone()
    x.grad = a.grad = None
    torch.set_rng_state(state)
    kept = draw_dropout_mask(x, 0.5)
    expected = x @ weight.T + 2 * (x * kept) @ a.T @ b.T
    torch.testing.assert_close(output, expected)
    expected.square().sum().backward()
    torch.testing.assert_close(found, (x.grad, a.grad))


def test_a_layer_drops_only_while_it_trains(products, monkeypatch):
    drawn = []
    monkeypatch.setattr(adapters, "draw_dropout_mask", lambda x, share: drawn.append(share) or torch.ones_like(x))
    model = build(lora_dropout=0.25)
    use_lora_products(model)
    run(model)
    assert products and not drawn
    model.train()
    run(model)
    assert set(drawn) == {0.25}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_factors_at_hand_change_nothing_and_are_gone_afterwards(dtype):
    model, ids = build(dtype=dtype), torch.arange(7, 27)[None]
    use_lora_products(model)
    layers = [module for module in model.modules() if type(module) is Linear]
    before = [layer.forward for layer in layers]
    with torch.no_grad():
        expected = model(ids).logits
        with pytest.raises(ZeroDivisionError), cast_lora_factors(model):
            assert [layer.forward for layer in layers] != before
            torch.testing.assert_close(model(ids).logits, expected)
            1 / 0  # noqa: B018
    assert [layer.forward for layer in layers] == before
