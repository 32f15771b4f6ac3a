"""What is said of a training that taught nothing or lost its numbers is what can be known of it."""

import math
import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from tunelab.errors import UserError
from tunelab.training import learning_checks

LORA = {"peft_type": "LORA", "r": 4}
NAN = math.nan


def test_tokens_that_no_row_holds_are_no_matter_of_the_learning_rate(train_sft, llama):
    absent = {"peft_type": "TRAINABLE_TOKENS", "token_indices": [200, 201]}  # bytes of no letter in the rows
    with pytest.raises(
        UserError, match=r"No step had a gradient: the loss, \d.* does not depend on what is trainable \("
    ) as told:
        train_sft(llama, absent)
    assert "embed_tokens" in str(told.value) and "learning_rate" not in str(told.value)


@pytest.mark.parametrize("adapter", [LORA, None], ids=["frozen", "trained"])
def test_weights_that_were_no_numbers_before_are_named(train_sft, llama, tmp_path, adapter):
    broken = tmp_path / "broken/model"
    shutil.copytree(llama, broken)
    weights = load_file(broken / "model.safetensors")
    name = "model.layers.0.mlp.up_proj.weight"
    save_file(weights | {name: torch.full_like(weights[name], NAN)}, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        UserError, match=r"hold numbers that are none \(.*layers\.0\.mlp\.up_proj.*Set study\.precision"
    ):
        train_sft(broken, adapter)


def test_a_model_of_which_nothing_is_trained_is_told():
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(UserError, match="none of the model's weights would be trained"):
        learning_checks.check_start(frozen)


def test_a_loss_without_any_gradient_is_told():
    model = torch.nn.Linear(2, 2)
    said = r"^The loss does not depend on what is trainable \(weight, bias\)"
    with pytest.raises(UserError, match=said), learning_checks.explaining_no_gradient(model):
        torch.ones(1).sum().backward()
    with pytest.raises(RuntimeError, match="other"), learning_checks.explaining_no_gradient(model):
        raise RuntimeError("other")


@pytest.mark.parametrize(
    ("history", "fp16", "why"),
    [
        ([{"step": 1, "loss": NAN}], False, "so it was at the first step, before any weight had changed"),
        ([{"step": 10, "loss": NAN}], False, "lower training.learning_rate, unless it is so from the first step on"),
        (
            [{"step": 1, "loss": 2.0, "grad_norm": NAN}, {"step": 2, "loss": NAN, "grad_norm": NAN}],
            False,
            "the gradient of step 1 was none, although its loss was 2.",
        ),
        ([{"step": 1, "loss": 2.0, "grad_norm": NAN}, {"step": 2, "loss": NAN}], True, "lower training.learning_rate"),
        ([{"step": 1, "loss": 2.0, "grad_norm": 9.0}, {"step": 2, "loss": NAN}], False, "lower training.learning_rate"),
    ],
)
def test_the_learning_rate_is_blamed_where_it_can_be_it(history, fp16, why):
    state, args = SimpleNamespace(log_history=history), SimpleNamespace(fp16=fp16)
    assert learning_checks.explain_broken(torch.nn.Linear(1, 1), state, args).startswith(why)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"loss": 0.0, "grad_norm": 0.0}], "The loss was 0 at every step"),
        ([{"loss": 2.0, "grad_norm": math.inf}], "the gradient overflowed at every step"),
        ([{"loss": 2.0, "grad_norm": 1.0, "learning_rate": 0.0}], "the schedule's rate was 0 at every step"),
        ([{"loss": 2.0, "grad_norm": 1.0, "learning_rate": 1e-9}], "raise training.learning_rate or the number"),
    ],
)
def test_weights_that_did_not_move_are_explained_by_what_was_logged(rows, why):
    model = torch.nn.Linear(1, 1)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    with pytest.raises(UserError, match=why):
        learning_checks.check_learnt(model, before, rows)


def test_weights_that_only_decayed_were_taught_nothing():
    model = torch.nn.Linear(1, 1)
    before = {name: weight.detach() + 1 for name, weight in model.named_parameters()}
    with pytest.raises(UserError, match="No step had a gradient"):
        learning_checks.check_learnt(model, before, [{"loss": 2.0, "grad_norm": 0.0}])
    learning_checks.check_learnt(model, before, [{"loss": 2.0, "grad_norm": 0.0}, {"loss": 2.0, "grad_norm": 0.1}])
