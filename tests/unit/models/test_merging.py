import json

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from tests.unit.conftest import SHAPE
from tunelab.config.specs.sources import RandomModel
from tunelab.errors import UserError
from tunelab.models import merging
from tunelab.sources.random_model import create_model

LORA = {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"}
KINDS = {
    "lora": LORA,
    "dora": LORA | {"use_dora": True},
    "ia3": {"peft_type": "IA3"},
    "loha": {"peft_type": "LOHA"},
    "ln_tuning": {"peft_type": "LN_TUNING"},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_merged_model_agrees_with_its_adapter(
    train_sft, publish, qwen2, rows, tmp_path, load_plain, compute_logits, kind
):
    run = train_sft(qwen2, KINDS[kind])
    merged, tokenizer, parity = merging.merge(qwen2, publish(run), rows[:3])
    assert parity["max_logit_difference"] < 1e-3
    assert parity["same_token_share"] > 0.99
    merged.save_pretrained(tmp_path / "model")
    assert tokenizer.chat_template
    loaded = load_plain(qwen2, tmp_path / "model")
    torch.testing.assert_close(compute_logits(loaded), compute_logits(run.model), rtol=0, atol=1e-3)
    assert (compute_logits(loaded) - compute_logits(load_plain(qwen2))).abs().max() > 0.05


def test_a_merge_that_changes_the_answers_is_an_error(monkeypatch, train_sft, publish, qwen2, rows):
    folder = publish(train_sft(qwen2, LORA))
    monkeypatch.setattr(PeftModel, "merge_and_unload", lambda model, safe_merge: model.unload(), raising=False)
    with pytest.raises(UserError, match=r"differs from the adapter by .* in a logit"):
        merging.merge(qwen2, folder, rows[:1])


def test_a_prefix_cannot_be_merged(train_sft, publish, llama, rows):
    folder = publish(train_sft(llama, {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3}))
    with pytest.raises(UserError, match=r"is of type PREFIX_TUNING, which PEFT cannot merge here \(a prefix or"):
        merging.merge(llama, folder, rows[:1])


@pytest.mark.parametrize("saved", [[], ["lm_head"], ["embed_tokens"], ["embed_tokens", "lm_head"]])
def test_a_merged_model_says_truly_whether_its_head_is_tied(
    train_sft, publish, load_plain, compute_logits, rows, tmp_path, saved
):
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 4}
    architecture = {"model_type": "llama", "tie_word_embeddings": True, "initializer_range": 0.2} | shape
    create_model(RandomModel(source="random", architecture=architecture), "models.tiny", tmp_path / "base")
    run = train_sft(tmp_path / "base", LORA | ({"modules_to_save": saved} if saved else {}))
    merged, _, _ = merging.merge(tmp_path / "base", publish(run), rows[:2])
    merged.save_pretrained(tmp_path / "model")
    shared = torch.equal(merged.get_output_embeddings().weight, merged.get_input_embeddings().weight)
    assert json.loads((tmp_path / "model" / "config.json").read_text())["tie_word_embeddings"] is shared
    assert shared is not bool(saved)
    held = load_file(tmp_path / "model" / "model.safetensors")
    assert ("lm_head.weight" in held) is not shared
    loaded = load_plain(tmp_path / "base", tmp_path / "model")
    torch.testing.assert_close(compute_logits(loaded), compute_logits(run.model), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "fields",
    [
        {"layer_replication": [[0, 2], [1, 2]]},
        {"target_modules": ["embed_tokens", "q_proj"]},
        {"peft_type": "MISS", "r": 8, "target_modules": ["q_proj"], "modules_to_save": ["mlp"]},
    ],
)
def test_what_layers_share_or_are_copied_of_is_merged_and_loads_by_itself(
    train_sft, publish, load_plain, compute_logits, rows, tmp_path, fields
):
    architecture = {"model_type": "llama", "tie_word_embeddings": True} | SHAPE
    create_model(RandomModel(source="random", architecture=architecture), "models.tiny", tmp_path / "base")
    run = train_sft(tmp_path / "base", {"peft_type": "LORA", "r": 4} | fields)
    merged, _, _ = merging.merge(tmp_path / "base", publish(run), rows[:2])
    merged.save_pretrained(tmp_path / "model")
    loaded = load_plain(tmp_path / "base", tmp_path / "model")
    torch.testing.assert_close(compute_logits(loaded), compute_logits(run.model), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("adapter", "reason"),
    [
        ({"peft_type": "LORA", "lora_bias": True}, "Impossible to merge LoRA with `lora_bias=True` because the base"),
        ({"peft_type": "LORA", "alora_invocation_tokens": [7]}, "aLoRA does not support merging"),
        ({"peft_type": "BEFT"}, "Base layer has no bias, cannot merge bias adapter"),
        ({"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3}, "a prefix or prompt changes no weights"),
    ],
)
def test_what_cannot_be_merged_is_told_before_it_is_trained(llama, adapter, reason):
    with pytest.raises(UserError) as refusal:
        merging.check_mergeable(llama, "mine", adapter)
    assert str(refusal.value).startswith(f"runs.mine.adapter: PEFT cannot merge here ({reason}")
    assert str(refusal.value).endswith("; ask for its adapter, or train another one.")


@pytest.mark.parametrize("adapter", [LORA, {"peft_type": "UNILORA"}])  # the latter cannot be put together unweighed
def test_what_can_be_merged_or_is_not_known_is_let_be(llama, adapter):
    assert merging.check_mergeable(llama, "mine", adapter) is None


@pytest.mark.parametrize("fields", [{"lora_bias": True}, {"peft_type": "BEFT", "target_modules": None}])
def test_what_peft_cannot_merge_is_said_in_a_sentence(train_sft, publish, llama, rows, fields):
    fields = LORA | fields if "peft_type" not in fields else fields
    folder = publish(train_sft(llama, fields))
    with pytest.raises(UserError, match=r"which PEFT cannot merge here .* use it as an adapter"):
        merging.merge(llama, folder, rows[:1])
