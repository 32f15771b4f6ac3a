"""AdaLoRA: what PEFT leaves to the trainer is done, and what is published has the ranks that are left."""

import pytest
import torch
from peft import AdaLoraConfig, get_peft_model
from safetensors.torch import load_file

from tunelab.models import adapters
from tunelab.training.sft import measure_overlap

FIELDS = {"peft_type": "ADALORA", "init_r": 8, "target_r": 2, "tinit": 1, "tfinal": 2, "total_step": 8}


@pytest.fixture(scope="module")
def run(train_sft, llama):
    return train_sft(llama, FIELDS, max_steps=8)


def test_ranks_are_given_away_until_the_budget_is_kept(run):
    kept = [int((weight != 0).sum()) for name, weight in run.after.items() if "lora_E" in name]
    assert len(kept) == 2 * 2
    assert sum(kept) == len(kept) * FIELDS["target_r"]
    # at the start all is zero, so the ranks are not simply those that were never moved
    assert sum(int((weight != 0).sum()) for name, weight in run.before.items() if "lora_E" in name) == 0


def test_what_is_published_has_no_more_than_the_ranks_that_are_left(run, publish):
    weights = load_file(publish(run) / "adapter_model.safetensors")
    assert sum(len(weight) for name, weight in weights.items() if "lora_E" in name) == 4 * FIELDS["target_r"]


def test_factors_are_kept_orthogonal_by_the_weight_that_was_asked_for(train_sft, llama):
    measured = []
    for weight in (0.0, 100.0):
        run = train_sft(llama, FIELDS | {"orth_reg_weight": weight}, max_steps=8)
        run.model.peft_config["default"].orth_reg_weight = 1.0
        measured.append(measure_overlap(run.model).item())
    assert measured[1] < 0.9 * measured[0]


def test_the_term_is_the_one_that_peft_adds_to_the_loss(llama):
    fields = {name: value for name, value in FIELDS.items() if name != "peft_type"}
    base = adapters.load_base_model(llama, torch.device("cpu"), torch.float32)
    model = get_peft_model(base, AdaLoraConfig(task_type="CAUSAL_LM", **fields)).eval()
    ids = torch.arange(60, 84)[None]
    with torch.no_grad():
        added = model(input_ids=ids, labels=ids).loss - model.base_model.model(input_ids=ids, labels=ids).loss
        torch.testing.assert_close(measure_overlap(model), added, rtol=1e-4, atol=1e-5)
