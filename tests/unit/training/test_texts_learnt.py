"""Continued pretraining: which tokens of plain texts are learnt, what packing keeps, and runs that go on from it."""

import pytest

from tunelab.errors import UserError
from tunelab.models import chat, merging
from tunelab.models.learnt_rows import read_row
from tunelab.training import sft

LORA = {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"}
TEXTS = [{"id": f"text{n}", "text": f"Pump {n} is oiled " + "again and " * (7 * n % 12) + "again."} for n in range(12)]


def encode(tokenizer, given):
    return [read_row(tokenizer, row).cut()["input_ids"] for row in given]


def list_learnt(dataset):
    """List the tokens that the loss foretells: all labels but each row's first."""
    return [label for item in dataset for label in item["labels"][1:] if label != -100]


def test_every_token_but_the_first_of_each_text_is_learnt_and_its_end_too(train_sft, llama):
    run = train_sft(llama, LORA, given=TEXTS, max_length=None)
    tokenizer = chat.load_tokenizer(llama)
    for dataset, given in ((run.trainer.train_dataset, TEXTS[:8]), (run.trainer.eval_dataset, TEXTS[8:])):
        expected = encode(tokenizer, given)
        assert [item["input_ids"] for item in dataset] == expected
        assert list_learnt(dataset) == [token for ids in expected for token in ids[1:]]
    assert all(run.after[name].ne(weight).any() for name, weight in run.before.items())


def test_a_text_that_is_too_long_loses_its_end(train_sft, llama):
    trainer = train_sft(llama, LORA, given=TEXTS, max_length=40).trainer
    assert [item["input_ids"] for item in trainer.train_dataset] == [
        ids[:40] for ids in encode(chat.load_tokenizer(llama), TEXTS[:8])
    ]


def test_wrapped_packing_loses_no_token_and_foretells_the_first_of_each_text_from_the_one_before(train_sft, llama):
    packing = {"packing": True, "packing_strategy": "wrapped", "max_length": 64}
    run = train_sft(llama, LORA, given=TEXTS, **packing)
    for dataset, given in ((run.trainer.train_dataset, TEXTS[:8]), (run.trainer.eval_dataset, TEXTS[8:])):
        whole = [token for ids in encode(chat.load_tokenizer(llama), given) for token in ids]
        packed = list(dataset)
        assert [token for item in packed for token in item["input_ids"]] == whole
        assert [token for item in packed for token in item["labels"]] == whole
        assert {len(item["input_ids"]) for item in packed[:-1]} == {64}


@pytest.mark.parametrize(("strategy", "kept"), [("bfd", False), ("bfd_split", True)])
def test_best_fit_packing_keeps_texts_apart_and_only_its_splitting_kind_keeps_their_ends(
    train_sft, llama, strategy, kept
):
    packing = {"packing": True, "packing_strategy": strategy, "max_length": 64}
    trainer = train_sft(llama, LORA, given=TEXTS, **packing).trainer
    ids = encode(chat.load_tokenizer(llama), TEXTS[:8])
    whole = sorted(token for one in ids for token in (one if kept else one[:64]))
    assert sorted(token for item in trainer.train_dataset for token in item["input_ids"]) == whole
    assert any(len(one) > 64 for one in ids)


def test_conversations_that_packing_divides_keep_their_answers_ends(train_sft, llama, rows):
    trainer = train_sft(llama, LORA, packing=True, packing_strategy="wrapped", max_length=32).trainer
    tokenizer = chat.load_tokenizer(llama)
    whole = [chat.encode_conversation(tokenizer, row["messages"]) for row in rows[:8]]
    learnt = [token for item in whole for token, counts in zip(*item.values(), strict=True) if counts]
    assert [label for item in trainer.train_dataset for label in item["labels"] if label != -100] == learnt


def test_a_single_token_that_is_left_over_breaks_no_training(train_sft, llama):
    total = sum(map(len, encode(chat.load_tokenizer(llama), TEXTS[:8])))
    length = next(size for size in range(20, total) if total % size == 1)
    packing = {"packing": True, "packing_strategy": "wrapped", "max_length": length}
    run = train_sft(
        llama, LORA, given=TEXTS, **packing, per_device_train_batch_size=1, num_train_epochs=1, max_steps=-1
    )
    assert len(list(run.trainer.train_dataset)[-1]["input_ids"]) == 1
    assert all(row["loss"] == row["loss"] for row in run.history)


def test_another_run_goes_on_from_what_was_read_and_both_can_be_merged(train_sft, llama, publish, rows, tmp_path):
    reading = publish(train_sft(llama, LORA, given=TEXTS))
    answering = train_sft(llama, None, start=reading, max_steps=1, learning_rate=1e-9)
    start = train_sft(llama, LORA, max_steps=1).before
    assert any(not weight.equal(start[name]) for name, weight in answering.before.items())
    _, _, parity = merging.merge(llama, reading, TEXTS[8:])
    assert parity["same_token_share"] > 0.99


def test_texts_longer_than_the_models_positions_are_told_unless_they_are_cut_or_divided(train_sft, llama):
    endless = [*TEXTS[:7], {"id": "endless", "text": "again " * 200}, *TEXTS[8:]]
    with pytest.raises(UserError, match=r"has 512 positions, and row endless needs 1201"):
        train_sft(llama, LORA, given=endless, max_length=None)
    packing = {"packing": True, "packing_strategy": "wrapped", "max_length": 128}
    assert train_sft(llama, LORA, given=endless, **packing, max_steps=1).costs["steps"] == 1


def test_whatever_is_said_of_the_assistant_all_of_a_text_is_learnt(llama):
    tokenizer = chat.load_tokenizer(llama)
    for assistant_only in (True, False):
        assert sft.encode_rows(tokenizer, TEXTS, None, assistant_only).column_names == ["input_ids"]
