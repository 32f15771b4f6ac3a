"""A supervised run that starts from another goes on with what that one published, and puts nothing on top."""

import pytest
import torch
from peft import PeftModel

from tunelab.errors import UserError
from tunelab.models import adapters
from tunelab.models.inspection import check_adapter

ADAPTERS = {
    "lora": {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"},
    "dora": {"peft_type": "LORA", "r": 4, "target_modules": "all-linear", "use_dora": True},
    "pissa": {"peft_type": "LORA", "r": 4, "target_modules": "all-linear", "init_lora_weights": "pissa"},
    "ia3": {"peft_type": "IA3"},
}


@pytest.fixture
def continue_from(train_sft, publish, llama):
    """Return what trains a run, publishes it, and trains another from that; both runs and the published folder."""

    def train_twice(adapter):
        first = train_sft(llama, adapter, gradient_checkpointing=False)
        folder = publish(first)
        return first, folder, train_sft(llama, None, start=folder, gradient_checkpointing=False)

    return train_twice


@pytest.mark.parametrize("kind", list(ADAPTERS))
def test_the_published_adapter_itself_goes_on(continue_from, publish, llama, load_plain, compute_logits, kind):
    first, folder, second = continue_from(ADAPTERS[kind])
    assert list(second.model.peft_config) == ["default"]
    base = adapters.load_base_model(llama, torch.device("cpu"), torch.float32)
    start = PeftModel.from_pretrained(base, folder, is_trainable=True)
    expected = adapters.copy_trainable(start)
    assert second.before.keys() == expected.keys()
    assert all(torch.equal(second.before[name], weight) for name, weight in expected.items())
    assert any(not torch.equal(second.before[name], weight) for name, weight in second.after.items())
    if kind != "pissa":  # which is published as a plain LoRA of twice the rank
        assert all(torch.equal(second.before[name], weight) for name, weight in first.after.items())
    second.spec = first.spec
    loaded = load_plain(llama, publish(second))
    torch.testing.assert_close(compute_logits(loaded), compute_logits(second.model), rtol=0, atol=1e-4)


def test_a_whole_model_goes_on(continue_from):
    first, folder, second = continue_from(None)
    assert folder.name == "model" and not isinstance(second.model, PeftModel)
    assert all(torch.equal(second.before[name], weight) for name, weight in first.after.items())
    assert any(not torch.equal(second.before[name], weight) for name, weight in second.after.items())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"peft_type": "C3A", "block_size": 7}, r"^adapter: PEFT refuses it: .* the block size is 7$"),
        ({"peft_type": "LORA", "rank_pattern": {"k_proj": 4}}, r"^adapter.rank_pattern.k_proj: meets no module"),
    ],
)
def test_an_adapter_that_was_changed_since_the_model_was_inspected_is_judged_anew(train_sft, llama, fields, sentence):
    with pytest.raises(UserError, match=sentence):
        train_sft(llama, fields)


def test_what_is_judged_draws_no_random_number(llama):
    before = torch.get_rng_state()
    check_adapter(llama, {"peft_type": "PSOFT", "r": 4})  # which draws when it is put on a model
    assert torch.equal(torch.get_rng_state(), before)
