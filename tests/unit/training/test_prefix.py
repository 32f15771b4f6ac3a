"""Prefix tuning, where the stack has traps: what moves, what is saved, which step is kept, and padding."""

import pytest
import torch
from safetensors.torch import load_file
from trl import SFTConfig

from tunelab.config.specs.evaluation import GenerationSpec
from tunelab.errors import UserError
from tunelab.evaluation import generation, losses
from tunelab.models import chat
from tunelab.models.adapters import build_adapter_config, list_trainable
from tunelab.training import sft, shared

PREFIX = {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 5}
PROJECTED = PREFIX | {"prefix_projection": True, "encoder_hidden_size": 64}
BOTH = pytest.mark.parametrize("adapter", [PREFIX, PROJECTED], ids=["plain", "projected"])
NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
EVERY_STEP = {"eval_strategy": "steps", "eval_steps": 1, "load_best_model_at_end": True}


@pytest.fixture(scope="module")
def run(train_sft, llama):
    return train_sft(llama, PREFIX)


def wrap(model, **fields):
    from peft import get_peft_model

    return get_peft_model(model, build_adapter_config(PREFIX | fields)).eval()


def cut_prompts(tokenizer, rows):
    return [chat.encode_prompt(tokenizer, row["messages"][:-1]) for row in rows]


@BOTH
@pytest.mark.parametrize("quantization", [None, NF4], ids=["bf16", "nf4"])
def test_nearly_every_weight_moves_by_a_small_learning_rate(train_sft, qwen2, adapter, quantization):
    run = train_sft(qwen2, adapter, dtype="bfloat16", quantization=quantization, learning_rate=1e-4)
    assert {weight.dtype for weight in run.after.values()} == {torch.float32}
    assert len(run.after) == (5 if adapter is PROJECTED else 1)
    moved = {name: (weight != run.before[name]).float().mean().item() for name, weight in run.after.items()}
    assert min(moved.values()) > 0.95, moved


@BOTH
@pytest.mark.parametrize("base", ["llama", "qwen2"])
def test_the_saved_prefix_on_a_fresh_base_gives_the_trained_logits(
    request, train_sft, publish, load_plain, compute_logits, adapter, base
):
    run = train_sft(request.getfixturevalue(base), adapter)
    loaded = load_plain(run.base, publish(run))
    torch.testing.assert_close(compute_logits(loaded), compute_logits(run.model), rtol=0, atol=1e-5)
    with loaded.disable_adapter():
        untouched = compute_logits(loaded)
    assert (compute_logits(loaded) - untouched).abs().max() > 0.1


@BOTH
def test_the_step_with_the_lowest_validation_loss_is_published_not_the_last(
    monkeypatch, train_sft, publish, llama, adapter
):
    seen = []

    class Scripted(shared.BestAdapter):
        def on_evaluate(self, args, state, control, metrics, model=None, **kwargs):
            seen.append(model.get_prompt_embedding_to_save("default").clone())
            metrics = metrics | {"eval_loss": [3.0, 1.0, 2.0, 1.5][len(seen) - 1]}
            super().on_evaluate(args, state, control, metrics, model=model)

    monkeypatch.setattr(shared, "BestAdapter", Scripted)
    run = train_sft(llama, adapter, max_steps=4, **EVERY_STEP)
    saved = load_file(publish(run) / "adapter_model.safetensors")["prompt_embeddings"]
    assert (run.costs["best_step"], run.costs["steps"], len(seen)) == (2, 4, 4)
    assert [torch.equal(saved, kept) for kept in seen] == [False, True, False, False]


@BOTH
def test_the_published_prefix_has_the_lowest_loss_of_the_history(train_sft, publish, load_plain, llama, rows, adapter):
    # what is learnt makes the validation row less likely with every step
    given = [
        {"id": row["id"], "messages": [row["messages"][0], {"role": "assistant", "content": text * 8}]}
        for row, text in zip(rows[:9], [*["a"] * 8, "b"], strict=True)
    ]
    constant = {"learning_rate": 0.3, "lr_scheduler_type": "constant"}
    run = train_sft(llama, adapter, given=given, max_steps=8, **constant, **EVERY_STEP)
    evaluated = [row["eval_loss"] for row in run.history if "eval_loss" in row]
    assert len(evaluated) == 8
    assert min(evaluated) < evaluated[-1]
    assert run.costs["best_step"] == 1 + evaluated.index(min(evaluated))
    tokenizer = chat.load_tokenizer(llama)
    encoded = [chat.encode_conversation(tokenizer, row["messages"]) for row in given[8:]]
    measured = losses.measure_batch(load_plain(llama, publish(run)), encoded, tokenizer.pad_token_id)
    assert sum(loss for loss, _ in measured) / sum(n for _, n in measured) == pytest.approx(min(evaluated), rel=1e-4)


def test_a_best_step_that_was_never_evaluated_is_an_error(train_sft, llama):
    with pytest.raises(UserError, match="no evaluation took place"):
        train_sft(llama, PREFIX, load_best_model_at_end=True)


def test_a_left_padded_batch_gives_the_logits_of_a_batch_of_one(run, rows):
    tokenizer = chat.load_tokenizer(run.base, padding_side="left")
    prompts = cut_prompts(tokenizer, rows[:4])

    def compute_next(prompts):
        batch = tokenizer.pad({"input_ids": prompts}, return_tensors="pt")
        asked = {"max_new_tokens": 1, "output_logits": True, "return_dict_in_generate": True}
        return run.model.generate(**batch, **asked).logits[0]

    assert len({len(prompt) for prompt in prompts}) == 4
    alone = torch.cat([compute_next([prompt]) for prompt in prompts])
    torch.testing.assert_close(compute_next(prompts), alone, rtol=0, atol=1e-4)


def test_a_left_padded_batch_answers_like_a_batch_of_one(run, rows):
    tokenizer = chat.load_tokenizer(run.base, padding_side="left")
    config = generation.build_generation_config(tokenizer, run.model, GenerationSpec(max_new_tokens=12))
    prompts = cut_prompts(tokenizer, rows)
    together = generation.generate_batch(run.model, tokenizer, prompts, config)
    alone = [generation.generate_batch(run.model, tokenizer, [prompt], config)[0] for prompt in prompts]
    assert len(together) == 12
    assert together == alone
    with run.model.disable_adapter():
        assert generation.generate_batch(run.model, tokenizer, prompts, config) != together


def test_recomputation_which_would_drop_the_prefix_is_off_although_it_is_the_trainers_default(run):
    assert SFTConfig(output_dir=".", use_cpu=True, bf16=False).gradient_checkpointing is True
    assert run.trainer.args.gradient_checkpointing is False
    assert not any(getattr(module, "gradient_checkpointing", False) for module in run.model.modules())


def test_shapes_follow_the_models_grouped_heads(run):
    config = run.model.peft_config["default"]
    heads, width = 2, 16  # key-value heads, not the 4 query heads
    assert (config.num_layers, config.num_attention_heads, config.token_dim) == (2, heads, heads * width)
    assert [tuple(weight.shape) for weight in run.after.values()] == [(5, 2 * 2 * heads * width)]


@pytest.mark.parametrize("count", [3, 12, 30])
def test_a_prefix_made_of_a_text_is_like_reading_that_text(llama, load_plain, compute_logits, count):
    tokenizer = chat.load_tokenizer(llama)
    base, model = load_plain(llama), wrap(load_plain(llama), num_virtual_tokens=count)
    sft.fill_prefix(model, tokenizer, "Be brief, now")  # 13 tokens
    read = tokenizer("Be brief, now Be brief, now Be brief, now", return_tensors="pt")["input_ids"][:, :count]
    question = torch.arange(60, 84)[None]
    expected = compute_logits(base, torch.cat([read, question], dim=1))[:, count:]
    torch.testing.assert_close(compute_logits(model, question), expected, rtol=0, atol=1e-4)


def test_training_starts_from_the_text(train_sft, llama, load_plain, compute_logits):
    run = train_sft(llama, PREFIX | {"init_text": "Be brief"}, learning_rate=1e-7)
    read = chat.load_tokenizer(llama)("Be br", return_tensors="pt")["input_ids"]
    question = torch.arange(60, 84)[None]
    expected = compute_logits(load_plain(llama), torch.cat([read, question], dim=1))[:, 5:]
    torch.testing.assert_close(compute_logits(run.model, question), expected, rtol=0, atol=1e-3)


def test_an_empty_text_is_refused(llama, load_plain):
    with pytest.raises(UserError, match=r"adapter.init_text: is empty"):
        sft.fill_prefix(wrap(load_plain(llama)), chat.load_tokenizer(llama), "")


@BOTH
def test_a_zero_start_is_zero_and_still_learns(train_sft, llama, adapter):
    run = train_sft(llama, adapter | {"init_weights": "zero"})
    last = {"embedding.weight", "transform.2.weight", "transform.2.bias"}
    zeros = [name for name, weight in run.before.items() if not weight.any()]
    assert len(zeros) == (2 if adapter is PROJECTED else 1)
    assert all(any(name.endswith(part) for part in last) for name in zeros)
    assert all(run.after[name].any() for name in zeros)
    assert [name for name, _ in list_trainable(run.model)] == list(run.before)
