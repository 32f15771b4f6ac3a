"""How far a run moved from its base: the loss on texts, and the divergence of the next-token distributions."""

import math

import pytest
import torch
from transformers import AutoTokenizer

from tests.unit.models.run_models import build_run_model
from tunelab.config.specs.evaluation import DriftSpec
from tunelab.errors import UserError
from tunelab.evaluation import drift, losses
from tunelab.models import adapters, chat
from tunelab.records import read_jsonl, write_jsonl

CPU = torch.device("cpu")
TEXT = "Salt keeps meat.\nIt is cheap.\n\n  \nBread rises.\n\n\n盐可以防腐。\n"
ADAPTERS = {
    "lora": {"peft_type": "LORA", "r": 4},
    "pissa": {"peft_type": "LORA", "r": 4, "init_lora_weights": "pissa"},  # published for the base as it is
    "prefix": {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 5},
    "prompt": {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 5},
    "full": None,
}


@pytest.fixture(scope="module", params=list(ADAPTERS))
def artefact(request, train_sft, publish, llama):
    return publish(train_sft(llama, ADAPTERS[request.param]))


@pytest.fixture
def text(tmp_path):
    file = tmp_path / "salt.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


def diverge_by_hand(own, base, encoded):
    """Add up KL(own || base) over the counted tokens, one token at a time, in float64."""
    ids, total = encoded["input_ids"], 0.0
    for position in range(1, len(ids)):
        if encoded["assistant_masks"][position]:
            with torch.inference_mode():
                p, q = (
                    torch.log_softmax(model(input_ids=torch.tensor([ids[:position]])).logits[0, -1].double(), 0)
                    for model in (own, base)
                )
            total += (p.exp() * (p - q)).sum().item()
    return total


def test_the_divergence_is_the_sum_over_the_counted_tokens_of_kl_from_the_untouched_base(
    llama, artefact, rows, text, load_plain
):
    tokenizer, own, base = chat.load_tokenizer(llama), load_plain(llama, artefact), load_plain(llama)
    found = drift.measure_drift(build_run_model(llama, artefact), [text], {"sums": rows[:2]}, batch_size=5)
    encoded = [item.encoded for item in drift.list_items(tokenizer, [text], {"sums": rows[:2]})]
    expected = [diverge_by_hand(own, base, item) for item in encoded]
    assert [row["kl"] for row in found] == pytest.approx(expected, rel=1e-3)
    assert all(row["kl"] > 1e-3 for row in found)


def test_the_untouched_model_has_not_moved_at_all(llama, rows, text):
    found = drift.measure_drift(build_run_model(llama), [text], {"sums": rows[:3]}, batch_size=2)
    assert [row["kl"] for row in found] == [0.0] * 6
    assert all(row["loss"] > 0 for row in found)


def test_an_adapter_that_changes_nothing_has_not_moved_although_its_base_is_computed_anew(llama, tmp_path):
    from peft import LoraConfig, get_peft_model

    get_peft_model(adapters.load_base_model(llama, CPU, torch.float32), LoraConfig()).save_pretrained(
        tmp_path / "adapter"
    )
    found = drift.measure_drift(build_run_model(llama, tmp_path / "adapter"), [], {"sums": ROWS}, batch_size=2)
    assert [row["kl"] for row in found] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_one_set_of_weights_serves_where_the_adapter_can_be_taken_off(monkeypatch, llama, publish, train_sft):
    loaded, load = [], adapters.load_base_model
    monkeypatch.setattr(adapters, "load_base_model", lambda *given: loaded.append(given[0].name) or load(*given))
    counts = {}
    for name in ("lora", "prefix", "pissa", "left as it is", "full"):
        run = train_sft(llama, ADAPTERS["pissa" if name == "left as it is" else name])
        if name == "left as it is":  # which rewrites the base when it is loaded
            delattr(run.trainer.model, adapters.START)
        folder = publish(run)
        loaded.clear()
        drift.Pair(build_run_model(llama, folder))
        counts[name] = len(loaded)
    assert counts == {"lora": 1, "prefix": 1, "pissa": 1, "left as it is": 2, "full": 2}


def test_the_loss_on_held_out_rows_is_that_of_the_loss_stage(llama, artefact, rows):
    expected = losses.measure_rows(build_run_model(llama, artefact), rows[:4], 4)
    found = drift.measure_drift(build_run_model(llama, artefact), [], {"sums": rows[:4]}, 4)
    for name in ("id", "tokens", "bytes"):
        assert [row[name] for row in found] == [row[name] for row in expected]
    assert [row["loss"] for row in found] == pytest.approx([row["loss"] for row in expected], rel=1e-5)


def test_the_loss_of_a_text_is_the_surprise_at_all_its_tokens_but_the_first(llama, text, load_plain):
    tokenizer, model = chat.load_tokenizer(llama), load_plain(llama)
    found = drift.measure_drift(build_run_model(llama), [text], {}, 1)[1]
    ids = tokenizer("Bread rises.", add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].double(), -1)
    expected = -sum(logits[place, token].item() for place, token in enumerate(ids[1:]))
    assert found["loss"] == pytest.approx(expected, rel=1e-4)
    assert (found["tokens"], found["bytes"]) == (11, 11)


def test_records_name_their_source_and_come_in_order_whatever_the_batches(llama, artefact, rows, text):
    tasks = {"sums": rows[:3], "chat": rows[5:6]}
    found = {size: drift.measure_drift(build_run_model(llama, artefact), [text], tasks, size) for size in (1, 3, 20)}
    assert [(row["kind"], row["source"], row["id"]) for row in found[3]] == [
        *(("text", "salt", f"salt-{number}") for number in (1, 2, 3)),
        *(("task", "sums", f"row{number}") for number in (0, 1, 2)),
        ("task", "chat", "row5"),
    ]
    assert all(set(row) == {"kind", "source", "id", "loss", "tokens", "bytes", "kl"} for row in found[3])
    for name in ("loss", "kl"):
        for size in (3, 20):
            expected = pytest.approx([row[name] for row in found[1]], rel=1e-3, abs=1e-5)
            assert [row[name] for row in found[size]] == expected


def test_blank_lines_separate_paragraphs_and_single_breaks_stay(text):
    assert drift.read_paragraphs(text) == ["Salt keeps meat.\nIt is cheap.", "Bread rises.", "盐可以防腐。"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"drift\.texts: .*salt\.txt cannot be read \(No such file or directory\); name a text file"),
        (b"", r"drift\.texts: .*salt\.txt holds 0 paragraphs; write at least 2, with a blank line between them"),
        (b"One.\nStill one.\n", r"holds 1 paragraph; write at least 2"),
        (b"\xff\xfeO\x00", r"drift\.texts: .*salt\.txt is not UTF-8; save it in that encoding"),
    ],
)
def test_a_text_that_cannot_be_used_is_a_sentence(tmp_path, content, said):
    file = tmp_path / "salt.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=said):
        drift.read_paragraphs(file)


def test_only_tokens_count_that_something_stands_before(llama):
    tokenizer = AutoTokenizer.from_pretrained(llama)
    without, size = drift.encode_text(tokenizer, "abc盐")
    assert (tokenizer.bos_token, without["assistant_masks"], size) == (None, [0, 1, 1, 1, 1, 1], 5)
    assert drift.encode_text(tokenizer, "a") == ({"input_ids": without["input_ids"][:1], "assistant_masks": [0]}, 0)
    tokenizer.bos_token = tokenizer.eos_token
    with_start, size = drift.encode_text(tokenizer, "abc盐")
    assert with_start["input_ids"] == [tokenizer.eos_token_id, *without["input_ids"]]
    assert (with_start["assistant_masks"], size) == ([0, 1, 1, 1, 1, 1, 1], 6)


def test_the_stage_measures_the_first_rows_of_each_task(tmp_path, llama, rows, text):
    import measure_drift

    files = [write_rows(tmp_path / name, part) for name, part in (("a.json", rows[:4]), ("b.json", rows[4:]))]
    out, spec = tmp_path / "drift.jsonl", DriftSpec(texts=(str(text),), rows=2)
    of_model = [llama.parent / name for name in ("card.json", "precision.json", "chat_template.jinja")]
    measure_drift.main(*of_model, files, [], out, spec, ["chat", "sums"])
    found = [(row["source"], row["id"]) for row in read_jsonl(out) if row["kind"] == "task"]
    assert found == [("chat", "row0"), ("chat", "row1"), ("sums", "row4"), ("sums", "row5")]
    assert all(math.isfinite(row["loss"]) for row in read_jsonl(out))


ROWS = [
    {"id": name, "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}]}
    for name, answer in (("x", "one"), ("y", "twelve"))
]


def write_rows(path, rows):
    write_jsonl(path, rows)
    return path
