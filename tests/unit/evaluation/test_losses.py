import math
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.unit.models.run_models import build_run_model
from tunelab.errors import UserError
from tunelab.evaluation import losses
from tunelab.models import chat

ADAPTERS = {
    "base": None,
    "lora": {"peft_type": "LORA", "r": 4},
    "prefix": {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 5},
    "prompt": {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 5},
}


@pytest.fixture(scope="module", params=list(ADAPTERS))
def artefact(request, train_sft, publish, llama):
    return publish(train_sft(llama, ADAPTERS[request.param])) if ADAPTERS[request.param] else None


def sum_by_hand(model, encoded):
    """Add up -log p of each masked token, one token at a time."""
    ids, total, count = encoded["input_ids"], 0.0, 0
    for position in range(1, len(ids)):
        if encoded["assistant_masks"][position]:
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([ids[:position]])).logits[0, -1].double()
            total -= math.log(torch.softmax(logits, 0)[ids[position]].item())
            count += 1
    return total, count


def test_the_loss_is_the_sum_of_the_surprise_at_each_token_of_the_assistant(llama, artefact, rows, load_plain):
    tokenizer, model = chat.load_tokenizer(llama), load_plain(llama, artefact)
    found = losses.measure_rows(build_run_model(llama, artefact), rows[:3], batch_size=3)
    for row, measured in zip(rows[:3], found, strict=True):
        total, count = sum_by_hand(model, chat.encode_conversation(tokenizer, row["messages"]))
        assert measured["tokens"] == count == len(row["messages"][-1]["content"]) + 1  # bytes and the end token
        assert measured["loss"] == pytest.approx(total, rel=1e-4)


def test_the_batch_size_changes_nothing(llama, artefact, rows):
    found = {size: losses.measure_rows(build_run_model(llama, artefact), rows, size) for size in (1, 5, 12)}
    for size in (5, 12):
        assert [row["tokens"] for row in found[size]] == [row["tokens"] for row in found[1]]
        assert [row["loss"] for row in found[size]] == pytest.approx([row["loss"] for row in found[1]], rel=1e-4)


def test_of_several_replies_the_last_one_is_measured(llama, load_plain):
    turns = [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "A long first reply."},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "Yes.", "weight": 1},
    ]
    tokenizer, model = chat.load_tokenizer(llama), load_plain(llama, None)
    (measured,) = losses.measure_rows(build_run_model(llama), [{"id": "a", "messages": turns}], 1)
    encoded = chat.encode_conversation(tokenizer, turns)
    counted = len("Yes.") + 1
    start = max(i for i in range(len(encoded["assistant_masks"])) if encoded["assistant_masks"][i]) - counted + 1
    encoded["assistant_masks"] = [int(i >= start) * m for i, m in enumerate(encoded["assistant_masks"])]
    total, count = sum_by_hand(model, encoded)
    assert (measured["tokens"], measured["bytes"]) == (count, 4) == (counted, 4)
    assert measured["loss"] == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("batch_size", [1, 5])
def test_of_a_pair_both_answers_are_measured_in_one_prompt(llama, artefact, rows, load_plain, batch_size):
    tokenizer, model = chat.load_tokenizer(llama), load_plain(llama, artefact)
    rejected = [{"role": "assistant", "content": text} for text in ("No.", "I would rather not say a word of it.", "?")]
    pairs = [row | {"rejected": turn} for row, turn in zip(rows, rejected, strict=False)]
    found = losses.measure_rows(build_run_model(llama, artefact), pairs, batch_size)
    alone = losses.measure_rows(build_run_model(llama, artefact), rows[:3], batch_size)
    for row, measured, single in zip(pairs, found, alone, strict=True):
        assert list(measured) == ["id", "loss", "tokens", "bytes", "rejected_loss", "rejected_tokens"]
        assert [measured[name] for name in ("id", "tokens", "bytes")] == [
            single[name] for name in ("id", "tokens", "bytes")
        ]
        assert measured["loss"] == pytest.approx(single["loss"], rel=1e-4)
        answered = [*row["messages"][:-1], row["rejected"]]
        total, count = sum_by_hand(model, chat.encode_conversation(tokenizer, answered))
        assert measured["rejected_tokens"] == count == len(row["rejected"]["content"]) + 1
        assert measured["rejected_loss"] == pytest.approx(total, rel=1e-4)


def test_a_rejected_answer_that_does_not_fit_is_refused_with_its_row(llama, rows):
    long = rows[0] | {"rejected": {"role": "assistant", "content": "no " * 300}}
    with pytest.raises(UserError, match="512 positions, and row row0 needs"):
        losses.measure_rows(build_run_model(llama), [long], 1)


def test_rows_keep_their_order_and_count_the_references_bytes(llama):
    answers = ["一二三", "a", "four"]
    rows = [
        {"id": name, "messages": [{"role": "user", "content": "?" * 9}, {"role": "assistant", "content": answer}]}
        for name, answer in zip("xyz", answers, strict=True)
    ]
    found = losses.measure_rows(build_run_model(llama), rows, 2)
    assert [(row["id"], row["bytes"], row["tokens"]) for row in found] == [("x", 9, 10), ("y", 1, 2), ("z", 4, 5)]
    assert all(set(row) == {"id", "loss", "tokens", "bytes"} and row["loss"] > 0 for row in found)


def test_a_trained_model_finds_its_own_rows_less_surprising(llama, rows, train_sft, publish):
    run = train_sft(llama, None, max_steps=20)
    before, after = (
        losses.measure_rows(build_run_model(llama, folder), rows[:8], 4) for folder in (None, publish(run))
    )
    assert sum(row["loss"] for row in after) < 0.5 * sum(row["loss"] for row in before)


def test_a_model_with_weights_that_are_no_numbers_is_told(llama, rows, tmp_path):
    broken = shutil.copytree(llama, tmp_path / "model")
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = math.nan
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"The loss of row row0 is no number \(nan\) with the model as it was fetched"):
        losses.measure_rows(build_run_model(broken), rows[:1], 1)
