"""Supervised fine-tuning of every kind of weights: what is trained on, what moves, and what is published."""

import json

import pytest
import torch
from safetensors.torch import load_file

from tunelab.errors import UserError
from tunelab.models import chat
from tunelab.models.adapters import list_trainable
from tunelab.training import sft
from tunelab.training.checkpoints import TRAINED, find_checkpoint

ADAPTERS = {
    "lora": {"peft_type": "LORA", "r": 4, "target_modules": "all-linear", "lora_dropout": 0.1},
    "ia3": {"peft_type": "IA3"},
    "prompt": {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 4},
    "full": None,
}
LORA = ADAPTERS["lora"]
NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}


@pytest.fixture(scope="module", params=list(ADAPTERS))
def run(request, train_sft, publish, qwen2):
    made = train_sft(qwen2, ADAPTERS[request.param])
    made.folder = publish(made)
    return made


def test_every_trained_tensor_moves(run):
    assert len(run.after) == len(run.before) > 0
    still = [name for name, weight in run.after.items() if torch.equal(weight, run.before[name])]
    # IA3 and the first step of LoRA's A have no gradient where the other factor is zero; later steps have
    assert still == []


def test_the_history_has_a_row_per_step_with_a_finite_loss_and_growing_costs(run, rows):
    assert [row["step"] for row in run.history] == [1, 2, 3]
    assert all(0 < row["loss"] < 100 for row in run.history)
    tokenizer = chat.load_tokenizer(run.base)
    lengths = [len(chat.encode_conversation(tokenizer, row["messages"])["input_ids"]) for row in rows[:8]]
    assert run.history[1]["tokens"] == sum(lengths)  # two batches of four are one epoch; virtual tokens are not text
    assert run.costs["tokens"] == run.history[2]["tokens"] > run.history[1]["tokens"]
    assert 0 < run.history[0]["seconds"] <= run.history[2]["seconds"] <= run.costs["train_seconds"] + 0.01
    assert (run.costs["steps"], run.costs["best_step"], run.costs["epochs"]) == (3, 3, 1.5)
    assert run.costs["trainable_parameters"] == sum(weight.numel() for weight in run.after.values())


def test_what_is_published_loads_with_plain_libraries_and_gives_the_trained_logits(run, load_plain, compute_logits):
    trained = compute_logits(run.model)
    torch.testing.assert_close(compute_logits(load_plain(run.base, run.folder)), trained, rtol=0, atol=1e-5)
    untouched = compute_logits(load_plain(run.base))
    assert (trained[:, -24:] - untouched).abs().max() > 0.02


def test_the_folder_holds_safetensors_and_names_no_place_on_this_machine(run):
    files = {file.name for file in run.folder.iterdir()}
    kind = "adapter" if run.spec.adapter else "whole"
    assert (
        files
        == {
            "adapter": {"adapter_config.json", "adapter_model.safetensors", "chat_template.jinja"},
            "whole": {
                *("config.json", "generation_config.json", "model.safetensors"),
                *("chat_template.jinja", "tokenizer.json", "tokenizer_config.json"),
            },
        }[kind]
    )
    for file in run.folder.iterdir():
        assert str(run.base.parents[1]).encode() not in file.read_bytes(), file.name
    assert run.costs["artefact_bytes"] == sum(
        file.stat().st_size for file in run.folder.iterdir() if kind == "whole" or file.suffix != ".jinja"
    )
    if run.spec.adapter:
        config = json.loads((run.folder / "adapter_config.json").read_text())
        assert (config["base_model_name_or_path"], config["revision"]) == ("tiny", None)
        assert 0 < run.costs["saved_parameters"] <= run.costs["trainable_parameters"]


def test_a_published_whole_model_still_generates_with_its_cache(train_sft, publish, llama):
    config = json.loads((publish(train_sft(llama, None)) / "config.json").read_text())
    assert config["use_cache"] is True


@pytest.mark.parametrize("assistant_only", [True, False])
def test_the_trainers_labels_are_our_mask(train_sft, llama, rows, assistant_only):
    trainer = train_sft(llama, LORA, assistant_only_loss=assistant_only).trainer
    tokenizer = chat.load_tokenizer(llama)
    checked = 0
    for name, given in (("train_dataset", rows[:8]), ("eval_dataset", rows[8:])):
        for item, row in zip(getattr(trainer, name), given, strict=True):
            encoded = chat.encode_conversation(tokenizer, row["messages"])
            pairs = zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
            assert item["input_ids"] == encoded["input_ids"]
            assert item["labels"] == [token if trained or not assistant_only else -100 for token, trained in pairs]
            checked += 1
    assert checked == 12


def test_small_batches_that_are_added_up_are_one_large_batch(train_sft, llama):
    # rows of different lengths: each token counts alike, whichever batch it is in
    sizes = {"whole": (8, 1), "pieces": (2, 4)}
    whole, pieces = (
        train_sft(
            llama,
            LORA | {"lora_dropout": 0.0},
            max_steps=1,
            optim="sgd",
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=steps,
        )
        for batch, steps in sizes.values()
    )
    assert pieces.history[0]["loss"] == pytest.approx(whole.history[0]["loss"], rel=1e-5)
    for name, weight in whole.after.items():
        torch.testing.assert_close(pieces.after[name], weight, rtol=1e-4, atol=1e-6)


def test_training_on_the_questions_too_is_another_training(train_sft, llama):
    answers, everything = (train_sft(llama, LORA, assistant_only_loss=choice) for choice in (True, False))
    assert answers.history[0]["loss"] != pytest.approx(everything.history[0]["loss"], rel=1e-3)
    assert any(not torch.equal(weight, everything.after[name]) for name, weight in answers.after.items())


def test_the_seed_decides_the_adapters_start_and_the_order_of_the_rows(train_sft, llama):
    first, again, other = (train_sft(llama, LORA, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(weight, again.after[name]) for name, weight in first.after.items())
    assert any(not torch.equal(weight, other.before[name]) for name, weight in first.before.items())
    assert [row["loss"] for row in first.history] == [row["loss"] for row in again.history]
    assert first.history[0]["loss"] != other.history[0]["loss"]


def test_a_row_cut_before_the_answer_is_refused(llama, rows):
    tokenizer = chat.load_tokenizer(llama)
    with pytest.raises(UserError, match=r"training.max_length: row row3 has no token .* within 50 tokens"):
        sft.encode_rows(tokenizer, rows[3:4], 50, True)
    assert len(sft.encode_rows(tokenizer, rows, None, True)) == 12


def test_turns_that_are_not_to_be_learnt_are_not_learnt_with_all_others(llama):
    silent = {"role": "assistant", "content": "No.", "weight": 0}
    turns = [{"role": "user", "content": "a"}, silent, {"role": "user", "content": "b"}, silent | {"weight": 1}]
    tokenizer = chat.load_tokenizer(llama)
    (encoded,) = sft.encode_rows(tokenizer, [{"id": "x", "messages": turns}], None, True)
    assert sum(encoded["assistant_masks"]) == len("No.") + 1
    with pytest.raises(UserError, match=r"training\.assistant_only_loss: false learns every turn, and row x has turns"):
        sft.encode_rows(tokenizer, [{"id": "x", "messages": turns}], None, False)


def test_a_learning_rate_of_zero_publishes_nothing(train_sft, llama):
    with pytest.raises(UserError, match=r"changed no weight at all; raise training\.learning_rate"):
        train_sft(llama, LORA, learning_rate=0.0)


def test_a_loss_that_is_no_number_stops_the_training_at_its_step(train_sft, llama):
    with pytest.raises(UserError, match=r"loss became NaN at step 2; lower training\.learning_rate"):
        train_sft(llama, None, learning_rate=1e20, max_steps=4)


def test_weights_that_are_no_numbers_are_not_saved_even_if_no_loss_was_logged(train_sft, llama, tmp_path):
    with pytest.raises(UserError, match=r"Weights became no numbers by step 2 \(.*\); lower training\.learning_rate"):
        train_sft(llama, None, learning_rate=1e20, max_steps=4, logging_steps=10, save_steps=1, checkpoints=tmp_path)
    assert find_checkpoint(tmp_path) == tmp_path / "checkpoint-1"
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-1"]


def test_tokens_are_counted_to_the_last_step_when_steps_are_logged_rarely(train_sft, llama):
    every, some, none = (train_sft(llama, LORA, logging_steps=steps) for steps in (1, 2, 10))
    assert every.costs["tokens"] == some.costs["tokens"] == none.costs["tokens"] > 0


def test_all_weights_are_trained_from_the_very_ones_of_the_file_and_only_frozen_ones_are_held_in_less(
    train_sft, llama, load_plain
):
    run = train_sft(llama, None, dtype="bfloat16")
    assert run.costs["dtype"] == "bfloat16"
    assert len(run.before) > 10
    for name, weight in load_plain(llama).named_parameters():
        assert torch.equal(run.before[name], weight), name
    adapted = train_sft(llama, LORA, dtype="bfloat16").model.base_model.model.model.layers[0].mlp.up_proj
    assert (adapted.base_layer.weight.dtype, adapted.lora_A["default"].weight.dtype) == (torch.bfloat16, torch.float32)


def test_qlora_trains_float32_weights_on_a_4_bit_base_on_the_cpu(train_sft, llama, publish, load_plain, compute_logits):
    run = train_sft(llama, LORA, dtype="bfloat16", quantization=NF4, learning_rate=1e-4)
    assert run.model.base_model.model.model.layers[0].mlp.up_proj.base_layer.weight.dtype == torch.uint8
    assert {weight.dtype for _, weight in list_trainable(run.model)} == {torch.float32}
    moved = sum((weight != run.before[name]).sum() for name, weight in run.after.items() if "lora_B" in name)
    assert moved / sum(weight.numel() for name, weight in run.after.items() if "lora_B" in name) > 0.99
    loaded = load_plain(llama, publish(run))
    saved = [weight for name, weight in loaded.named_parameters() if "lora_B" in name]
    assert len(saved) == 14
    assert all(weight.abs().max() > 0 for weight in saved)
    assert (compute_logits(loaded) - compute_logits(load_plain(llama))).abs().max() > 0


def test_the_size_of_a_quantised_model_is_its_number_of_weights_not_of_bytes(train_sft, llama):
    plain, quantised = (train_sft(llama, LORA, quantization=choice).costs for choice in (None, NF4))
    assert quantised["total_parameters"] == plain["total_parameters"]


def test_whole_models_keep_the_best_step_through_checkpoints(train_sft, llama, publish, load_plain, tmp_path):
    steps = dict.fromkeys(("eval_steps", "save_steps"), 1) | {"eval_strategy": "steps", "save_strategy": "steps"}
    steps |= {"learning_rate": 1.0, "max_steps": 2, "load_best_model_at_end": True}
    run = train_sft(llama, None, checkpoints=tmp_path, **steps)
    losses = [row["eval_loss"] for row in run.history if "eval_loss" in row]
    assert losses[0] < losses[1]
    assert run.costs["best_step"] == 1
    published = load_plain(llama, publish(run)).lm_head.weight
    saved = [load_file(tmp_path / f"checkpoint-{step}" / TRAINED)["lm_head.weight"] for step in (1, 2)]
    assert [torch.equal(published, weight) for weight in saved] == [True, False]


def test_noise_on_the_embeddings_is_drawn_for_the_rows_as_they_are(train_sft, llama):
    run = train_sft(llama, {"peft_type": "LORA", "r": 4}, neftune_noise_alpha=5.0, gradient_checkpointing=False)
    assert run.costs["scoring"] == "TRL's own head, as training.neftune_noise_alpha is set"


def test_rows_that_fill_no_batch_are_told_before_anything_is_loaded(train_sft, llama):
    with pytest.raises(UserError, match=r"dataloader_drop_last: the 8 rows to train on fill no batch of 16"):
        train_sft(llama, None, per_device_train_batch_size=16, dataloader_drop_last=True)
