"""Which adapters PEFT can train on quantised weights: what the config refuses is what fails here, and nothing else."""

import pytest
import torch
from peft import get_peft_model

from tunelab.config.arguments import load_arguments
from tunelab.config.fields import REQUIRED, load_unsupported
from tunelab.config.run_checks import NOT_QUANTISABLE
from tunelab.models.adapters import build_adapter_config, keep_trainable_in_float32, list_trainable, load_base_model

# what a model of width 64 asks for, besides the fields that have no default
FIELDS = {
    "ADALORA": {"total_step": 10},
    "C3A": {"block_size": 16},
    "ROAD": {"group_size": 16},
    "SHIRA": {"r": 2},
    "TRAINABLE_TOKENS": {"token_indices": [60, 61]},
    "VBLORA": {"vector_length": 16, "num_vectors": 8},
    "WAVEFT": {"n_frequency": 64},
}
# needs scikit-learn, which is not installed
KINDS = sorted({name for name in load_arguments() if name.isupper()} - {*load_unsupported(), "ADAMSS"})
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # PEFT has much to say about the rarer kinds


def list_fields(kind):
    return FIELDS.get(kind) or dict.fromkeys(REQUIRED.get(kind, ()), 4)


def learns(folder, kind, fields, quantization=None):
    """Tell whether a step reaches at least one weight of the adapter."""
    ids = torch.arange(60, 84)[None]
    try:
        base = load_base_model(folder, torch.device("cpu"), torch.float32, quantization)
        model = get_peft_model(base, build_adapter_config({"peft_type": kind} | fields)).train()
        keep_trainable_in_float32(model)
        model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss.backward()
    except (RuntimeError, ValueError, TypeError):
        return False
    return any(weight.grad is not None and weight.grad.any() for _, weight in list_trainable(model))


@pytest.mark.parametrize("switch", ["load_in_4bit", "load_in_8bit"])
def test_adapters_that_quantised_weights_are_refused_for_are_those_that_cannot_learn_there(switch, llama):
    failing = {kind for kind in KINDS if not learns(llama, kind, list_fields(kind), {switch: True})}
    assert failing == NOT_QUANTISABLE[switch]


def test_an_evaluation_leaves_4_bit_weights_as_training_needs_them(qwen2, monkeypatch):
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)  # where an evaluation would repack them
    base = load_base_model(qwen2, torch.device("cpu"), torch.float32, {"load_in_4bit": True})
    model = get_peft_model(base, build_adapter_config({"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 4}))
    batch = dict.fromkeys(("input_ids", "labels"), torch.arange(60, 84)[None])
    with torch.no_grad():
        model.eval()(**batch)
    model.train()(**batch).loss.backward()
    gradients = [weight.grad for _, weight in list_trainable(model)]
    assert gradients and all(gradient.abs().sum() > 0 for gradient in gradients)


def test_every_adapter_learns_on_plain_weights_once_it_has_the_fields_that_it_requires(llama):
    assert [kind for kind in KINDS if not learns(llama, kind, list_fields(kind))] == []
    assert [kind for kind in REQUIRED if learns(llama, kind, {})] == []
