import logging

import pytest
import torch
from peft import LoraConfig, PeftModel, PrefixTuningConfig, get_peft_model

from tunelab.errors import UserError
from tunelab.models import adapters

CPU = torch.device("cpu")
NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}


def build_lora(base):
    return get_peft_model(
        adapters.load_base_model(base, CPU, torch.float32), adapters.build_adapter_config({"peft_type": "LORA", "r": 2})
    )


def test_the_adapter_section_becomes_pefts_own_config():
    config = adapters.build_adapter_config({"peft_type": "LORA", "r": 64, "lora_alpha": 16, "lora_dropout": 0.1})
    assert isinstance(config, LoraConfig)
    assert (config.r, config.lora_alpha, config.lora_dropout, config.task_type) == (64, 16, 0.1, "CAUSAL_LM")


def test_the_text_of_a_prefix_is_no_field_of_pefts():
    section = {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 20, "init_text": "Answer briefly."}
    config = adapters.build_adapter_config(section)
    assert isinstance(config, PrefixTuningConfig)
    assert config.num_virtual_tokens == 20
    assert section["init_text"] == "Answer briefly."


def test_a_folder_without_a_model_says_what_to_delete(tmp_path):
    with pytest.raises(UserError, match=r"holds no model although its card says so; delete .* to fetch it again"):
        adapters.load_base_model(tmp_path / "tiny" / "model", CPU, torch.float32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_base_model_is_loaded_in_the_precision_asked_for(llama, dtype):
    model = adapters.load_base_model(llama, CPU, dtype)
    assert {weight.dtype for weight in model.parameters()} == {dtype}


def test_a_quantised_base_holds_its_linear_layers_in_4_bits_and_computes_in_the_runs_precision(llama):
    model = adapters.load_base_model(llama, CPU, torch.bfloat16, NF4)
    layers = [module for module in model.modules() if type(module).__name__ == "Linear4bit"]
    assert len(layers) == 2 * 7
    assert {layer.weight.dtype for layer in layers} == {torch.uint8}
    assert {layer.weight.quant_state.quant_type for layer in layers} == {"nf4"}
    assert {layer.compute_dtype for layer in layers} == {torch.bfloat16}
    assert model.lm_head.weight.dtype == torch.bfloat16


def test_the_users_compute_dtype_wins(llama):
    model = adapters.load_base_model(llama, CPU, torch.bfloat16, NF4 | {"bnb_4bit_compute_dtype": "float32"})
    assert model.model.layers[0].mlp.up_proj.compute_dtype == torch.float32


def test_base_adapter_and_whole_model_are_loaded_as_published(llama, tmp_path, compute_logits):
    trained = build_lora(llama)
    with torch.no_grad():
        for _, weight in adapters.list_trainable(trained):
            weight.normal_(std=0.1)
    trained.save_pretrained(tmp_path / "adapter")
    expected = compute_logits(trained.eval())
    whole = trained.merge_and_unload()
    whole.save_pretrained(tmp_path / "model")
    base, adapter, model = (
        adapters.load_trained_model(llama, artefact, CPU, torch.float32)
        for artefact in (None, tmp_path / "adapter", tmp_path / "model")
    )
    assert isinstance(adapter, PeftModel)
    assert not any(part.training for part in (base, adapter, model))
    assert torch.equal(compute_logits(adapter), expected)
    assert torch.allclose(compute_logits(model), expected, atol=1e-4)
    assert (compute_logits(base) - expected).abs().max() > 0.1


def test_only_the_adapter_is_trainable(llama):
    names = [name for name, _ in adapters.list_trainable(build_lora(llama))]
    assert len(names) == 2 * 2 * 2
    assert all("lora_" in name for name in names)


def test_trainable_weights_become_float32_and_the_others_stay(llama):
    model = get_peft_model(
        adapters.load_base_model(llama, CPU, torch.bfloat16),
        LoraConfig(task_type="CAUSAL_LM"),
        autocast_adapter_dtype=False,
    )
    trainable = {name for name, _ in adapters.list_trainable(model)}
    assert {weight.dtype for _, weight in adapters.list_trainable(model)} == {torch.bfloat16}
    adapters.keep_trainable_in_float32(model)
    assert {weight.dtype for _, weight in adapters.list_trainable(model)} == {torch.float32}
    assert {weight.dtype for name, weight in model.named_parameters() if name not in trainable} == {torch.bfloat16}


def test_copied_weights_are_put_back_to_the_bit(llama):
    model = build_lora(llama)
    kept = adapters.copy_trainable(model)
    first = {name: weight.clone() for name, weight in kept.items()}
    with torch.no_grad():
        for _, weight in adapters.list_trainable(model):
            weight.add_(1)
    assert all(torch.equal(kept[name], first[name]) for name in first)
    adapters.restore_trainable(model, kept)
    assert all(torch.equal(weight, first[name]) for name, weight in adapters.list_trainable(model))


def test_a_weight_missing_from_the_copy_is_no_silent_gap(llama):
    model = build_lora(llama)
    kept = adapters.copy_trainable(model)
    del kept[next(iter(kept))]
    with pytest.raises(KeyError, match="lora_A"):
        adapters.restore_trainable(model, kept)


def test_a_base_in_8_bits_tells_of_its_casts_once(llama, caplog, monkeypatch):
    logger = logging.getLogger("bitsandbytes.autograd._functions")
    monkeypatch.setattr(logger, "filters", [])
    model = adapters.load_base_model(llama, torch.device("cpu"), torch.float32, {"load_in_8bit": True})
    model(torch.tensor([[5, 6, 7]]))
    model(torch.tensor([[5, 6, 7]]))
    said = [record.getMessage() for record in caplog.records if record.name == logger.name]
    assert said == ["MatMul8bitLt: inputs will be cast from torch.float32 to float16 during quantization"]
