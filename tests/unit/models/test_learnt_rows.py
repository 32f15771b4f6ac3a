"""A prepared row's tokens: a plain text's are those that TRL's trainer makes of it, a conversation's its template's."""

import pytest
from datasets import Dataset
from families import FAMILIES, build_family
from trl import SFTConfig, SFTTrainer

from tunelab.models import chat
from tunelab.models.learnt_rows import check_carried, read_row
from tunelab.sources.random_model import END, START, build_tokenizer

TEXTS = [
    "The pump is checked every week.",
    "  Two lines,\n\n\tand 很好 🙂\n",
    f"It spells {START}user and ends itself{END}",
    "x",
]


def prepare_by_trl(model, tokenizer, texts, folder):
    settings = SFTConfig(output_dir=str(folder), use_cpu=True, report_to="none", max_length=None)
    rows = Dataset.from_list([{"text": text} for text in texts])
    return SFTTrainer(str(model), args=settings, train_dataset=rows, processing_class=tokenizer).train_dataset


def test_a_text_is_tokenised_as_trl_does_with_rows_of_language_modelling(llama, tmp_path):
    tokenizer = chat.load_tokenizer(llama)
    for text, item in zip(TEXTS, prepare_by_trl(llama, tokenizer, TEXTS, tmp_path), strict=True):
        assert read_row(tokenizer, {"text": text}).cut()["input_ids"] == item["input_ids"] == item["labels"]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_token_of_a_text_is_learnt_but_the_first_and_one_end_stands_behind_it(name):
    tokenizer = build_family(name)
    for text in ("Oil the pump.", f"Oil the pump.{tokenizer.eos_token}"):
        encoded = read_row(tokenizer, {"id": "a", "text": text})
        ids = encoded.cut()["input_ids"]
        assert ids == tokenizer(f"Oil the pump.{tokenizer.eos_token}")["input_ids"]
        assert ids.count(tokenizer.eos_token_id) == 1 and ids[-1] == tokenizer.eos_token_id
        assert encoded.mask == [0] + [1] * (len(ids) - 1)
        assert "".join(piece["text"] for piece in encoded.divide()) == f"Oil the pump.{tokenizer.eos_token}"
        assert [piece["trained"] for piece in encoded.divide()] == [False, True]


def test_a_beginning_that_the_tokenizer_adds_by_itself_is_kept_and_all_of_the_text_is_learnt():
    from tokenizers.processors import TemplateProcessing

    tokenizer = build_family("llama3")
    begin = ("<|begin_of_text|>", tokenizer.bos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=f"{begin[0]} $A", special_tokens=[begin])
    encoded = read_row(tokenizer, {"text": "Oil it."})
    assert encoded.tokens[0].id == tokenizer.bos_token_id
    assert [piece["text"] for piece in encoded.divide() if piece["trained"]] == [f"Oil it.{tokenizer.eos_token}"]


def test_without_an_end_token_of_the_tokenizers_another_that_ends_a_turn_is_taken():
    tokenizer = build_tokenizer()
    tokenizer.eos_token = None
    assert read_row(tokenizer, {"text": "x"}).tokens[-1].id == tokenizer.convert_tokens_to_ids(END)


def test_a_conversation_is_that_of_its_chat_template_and_a_text_carries_nothing(rows):
    tokenizer = build_tokenizer()
    assert read_row(tokenizer, rows[0]) == chat.encode(tokenizer, rows[0]["messages"])
    check_carried(tokenizer, [{"id": "a", "text": "Oil it."}])
