"""The blog's study runs to its report when only model, rows and step counts are swapped for small local ones."""

import json

import pytest

from tests.study_copy import PROJECT, copy_project, run_forks
from tunelab.config.specs.data import PrepareSpec
from tunelab.config.specs.sources import RandomModel
from tunelab.data import formats, splits
from tunelab.records import read_json, read_jsonl

pytestmark = pytest.mark.smoke
QWEN2 = {
    **{"model_type": "qwen2", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048, "initializer_range": 0.2},
}
QUESTIONS = [
    {"instruction": f"为什么第{n}只猫不会飞？", "output": f"因为猫没有翅膀，第{n}只也一样。"} for n in range(30)
]
PROBLEMS = [
    {
        "question": f"Ann has {n} pens and gets {n + 1} more. How many pens?",
        "answer": f"{n}+{n + 1} = <<{n}+{n + 1}={2 * n + 1}>>{2 * n + 1} pens.\n#### {2 * n + 1}",
    }
    for n in range(2, 42)
]


def teach_answer_tags(folder):
    """Save a tiny Qwen2 that begins some answers with the tag, since GRPO learns nothing from equal rewards."""
    import torch

    from tunelab.models import chat
    from tunelab.sources.random_model import create_model

    folder.mkdir(parents=True)
    create_model(RandomModel(source="random", architecture=QWEN2), "tiny", folder)
    examples = formats.build_examples(
        PROBLEMS, PrepareSpec(format="gsm8k"), {"question": "question", "answer": "answer"}, "rows"
    )
    tokenizer, model = chat.load_tokenizer(folder), load_model(folder).train()
    encoded = [chat.encode_conversation(tokenizer, row["messages"]) for row in splits.build_records(examples)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(60):
        item = encoded[step % len(encoded)]
        ids, mask = torch.tensor([item["input_ids"]]), torch.tensor([item["assistant_masks"]]).bool()
        model(input_ids=ids, labels=ids.masked_fill(~mask, -100)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)


def load_model(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("blog"))
    teach_answer_tags(folder / "trial/qwen2")
    (folder / "trial/ruozhiba.json").write_text(json.dumps(QUESTIONS, ensure_ascii=False), encoding="utf-8")
    for name, rows in (("train", PROBLEMS[:32]), ("test", PROBLEMS[32:])):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"trial/gsm8k_{name}.jsonl").write_text(lines, encoding="utf-8")
    overlay = str(PROJECT / "tests/smoke/blog_trial.yaml")
    printed = run_forks(folder, "--cores", "2", "--configfile", "config/blog.yaml", overlay)
    assert "(57 of 57 jobs)" in printed
    return folder / "results/blog"


def test_the_study_ends_in_a_report_on_all_its_runs(results):
    page = (results / "report.html").read_text(encoding="utf-8")
    for label in ("3B untouched", "3B LoRA", "3B prefix tuning", "0.5B untouched", "0.5B GRPO", "Ruozhiba", "GSM8K"):
        assert label in page
    assert '<html lang="zh' in page and "本研究" in page


def test_the_blogs_settings_reach_the_trained_artefacts(results):
    lora = read_json(results / "runs/qwen_3b_lora/seed1/adapter/adapter_config.json")
    assert (lora["r"], lora["lora_alpha"], lora["lora_dropout"]) == (64, 16, 0.1)
    assert sorted(lora["target_modules"]) == ["q_proj", "v_proj"]
    prefix = read_json(results / "runs/qwen_3b_prefix/seed1/adapter/adapter_config.json")
    assert (prefix["num_virtual_tokens"], prefix["prefix_projection"], prefix["encoder_hidden_size"]) == (
        20,
        True,
        2048,
    )
    assert (results / "runs/qwen_05b_grpo/seed1/model/model.safetensors").is_file()


def test_chinese_rows_stay_readable_in_the_files(results):
    text = (results / "datasets/ruozhiba_rows/train_dataset.json").read_text(encoding="utf-8")
    assert '{"role": "system", "content": "回答问题"}' in text
    assert len(read_jsonl(results / "datasets/ruozhiba_rows/test_dataset.json")) == 3
