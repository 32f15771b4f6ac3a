"""The default config with one mistake at a time: what people read when they mistype."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from tunelab.config import Config, load_config
from tunelab.errors import UserError
from tunelab.provenance import flatten

FOLDER = Path(__file__).parents[2] / "config"
OVERLAYS = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "config.yaml")
DEFAULT = yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))
DROPPED = object()

BAD_EDITS = [
    # misspelt keys, at every level
    ({"stdy": {}}, "stdy: unknown key (did you mean study?)"),
    ({"hub": {"endpont": "x"}}, "hub.endpont: unknown key (did you mean endpoint?)"),
    ({"models.smollm2.verson": "1"}, "models.smollm2.verson: unknown key (did you mean version?)"),
    ({"datasets.support.prepare.sytem": "x"}, "datasets.support.prepare.sytem: unknown key (did you mean system?)"),
    ({"runs.lora.training.learning_rte": 1}, "runs.lora.training.learning_rte", "did you mean learning_rate?"),
    ({"runs.lora.adapter.lora_aplha": 1}, "runs.lora.adapter.lora_aplha", "did you mean lora_alpha?"),
    ({"runs.prefix.adapter.num_virtual_token": 1}, "num_virtual_token:", "did you mean num_virtual_tokens?"),
    ({"runs.lora.quantization": {"load_in_4bits": True}}, "runs.lora.quantization.", "did you mean load_in_4bit?"),
    ({"runs.grpo.rewards.weights.strict_fromat": 1.0}, "runs.grpo.rewards.weights.strict_fromat", "'strict_format'"),
    ({"tasks.sums.generation.max_new_token": 1}, "tasks.sums.generation.max_new_token", "did you mean max_new_tokens"),
    # left out
    ({"study.title": DROPPED}, "study.title: is required"),
    ({"runs.lora.adapter": DROPPED}, "runs.lora.adapter: is required (null asks for full fine-tuning)"),
    # values of the wrong type, or out of range
    ({"study.seeds": []}, "study.seeds", "at least 1 item"),
    ({"study.seeds": 3}, "study.seeds", "(got 3)"),
    ({"study.results": "/data/results"}, "study.results", "'^results(/", "(got '/data/results')"),
    ({"models.smollm2.sha256": "abc"}, "models.smollm2.sha256", "{64}", "(got 'abc')"),
    ({"datasets.sums.fetch.max_steps": 9}, "datasets.sums.fetch.max_steps", "less than or equal to 6", "(got 9)"),
    ({"datasets.sums.prepare.format": "alpaca"}, "datasets.sums.prepare.format", "'instruction'", "(got 'alpaca')"),
    ({"runs.lora.training": None}, "runs.lora.training", "dictionary", "(got None)"),
    ({"runs.lora.training.learning_rate": "fast"}, "runs.lora.training.learning_rate: must be float (got 'fast')"),
    ({"runs.warmstart.training.save_strategy": "step"}, "save_strategy: must be one of best, epoch, no, steps (did"),
    ({"runs.lora.adapter.bias": "some"}, "runs.lora.adapter.bias: must be one of all, lora_only, none"),
    ({"runs.lora.adapter.peft_type": "LoRA"}, "runs.lora.adapter.peft_type", "LORA", "did you mean LORA?"),
    ({"runs.lora.adapter.peft_type": DROPPED}, "runs.lora.adapter.peft_type", "PREFIX_TUNING", "(got None)"),
    ({"runs.grpo.rewards.set": "old"}, "runs.grpo.rewards.set", "'fixed' or 'legacy'"),
    ({"tasks.sums.generation.max_new_tokens": 0}, "tasks.sums.generation.max_new_tokens", "greater than 0", "(got 0)"),
    ({"tasks.sums.kind": "math"}, "tasks.sums.kind", "'maths' or 'text'"),
    # names that do not exist, or cannot
    ({"study.runs": ["base", "lorra"]}, "study.runs: there is no run 'lorra' (did you mean lora?)"),
    ({"study.tasks": ["sum"]}, "study.tasks: there is no task 'sum' (did you mean sums?)"),
    ({"runs.lora.model": "smolm2"}, "runs.lora.model: there is no model 'smolm2' (did you mean smollm2?)"),
    ({"runs.lora.dataset": "suport"}, "runs.lora.dataset: there is no dataset 'suport' (did you mean support?)"),
    ({"runs.grpo.init_from": "warm"}, "runs.grpo.init_from: there is no run 'warm' (did you mean warmstart?)"),
    ({"runs.A b": {"method": "base", "label": "x", "model": "smollm2"}}, "runs.A b", "'^[a-z0-9]", "(got 'A b')"),
    # fields that the workflow sets
    ({"runs.lora.training.output_dir": "x"}, "training.output_dir: is set by the workflow", "below study.results"),
    ({"runs.lora.training.seed": 1}, "runs.lora.training.seed: is set by the workflow: list seeds in study.seeds"),
    ({"runs.lora.training.push_to_hub": True}, "training.push_to_hub: is set by the workflow", "by hand"),
    ({"runs.lora.adapter.inference_mode": True}, "runs.lora.adapter.inference_mode: is set by the workflow"),
    # contradictions
    ({"runs.grpo.init_from": "grpo"}, "runs.grpo.init_from: goes round in a circle (grpo → grpo)"),
    ({"runs.grpo.init_from": "base"}, "runs.grpo.init_from: 'base' is the untouched model; leave init_from out"),
    ({"runs.grpo.adapter": {"peft_type": "LORA"}}, "runs.grpo.adapter: leave it out, the adapter of 'warmstart'"),
    ({"runs.grpo.dataset": "support"}, "runs.grpo.dataset", "'support' is not of format gsm8k"),
    ({"tasks.support.kind": "maths"}, "tasks.support.kind", "'support' is not of format gsm8k"),
    ({"runs.lora.adapter": None, "runs.lora.quantization": {"load_in_4bit": True}}, "lora.quantization", "adapter"),
    ({"runs.lora.adapter.init_text": "x"}, "runs.lora.adapter.init_text: only for PREFIX_TUNING"),
    ({"runs.lora.training.save_steps": 10}, "runs.lora.training.load_best_model_at_end", "must equal eval_steps (15"),
    ({"runs.prefix.training.gradient_checkpointing": True}, "prefix.training.gradient_checkpointing: cannot be used"),
    ({"runs.prefix.training.activation_checkpointing": True}, "prefix.training.activation_checkpointing: cannot be"),
    ({"runs.grpo.init_from": "prefix"}, "runs.grpo.training", "prefix or prompt (PREFIX_TUNING)"),
    ({"runs.lora.adapter.peft_type": "XLORA"}, "runs.lora.adapter.peft_type: must be one of", "(got 'XLORA')"),
    ({"runs.grpo.training.num_generations": 1}, "runs.grpo.training.num_generations", "at least 2 completions"),
    # the blog's own numbers, which today's TRL counts differently
    (
        {
            "runs.grpo.training": {
                "per_device_train_batch_size": 1,
                "gradient_accumulation_steps": 4,
                "num_generations": 16,
            }
        },
        "runs.grpo.training.num_generations: 16 completions per question do not divide the 4 completions",
        "make the product a multiple of 16",
    ),
]


def edit(edits: dict[str, Any]) -> dict:
    """Return the default config with values at dotted paths replaced, added or dropped."""
    raw = copy.deepcopy(DEFAULT)
    for path, value in edits.items():
        *parents, key = path.split(".")
        node = raw
        for parent in parents:
            node = node[parent]
        node[key] = value
        if value is DROPPED:
            del node[key]
    return raw


def load(edits: dict[str, Any]) -> Config:
    return load_config(edit(edits), "config/config.yaml")


def list_problems(edits: dict[str, Any]) -> list[str]:
    with pytest.raises(UserError) as caught:
        load(edits)
    title, *problems = str(caught.value).splitlines()
    assert title == "config/config.yaml is not valid:"
    return problems


def reverse_keys(value: Any) -> Any:
    return {key: reverse_keys(value[key]) for key in reversed(value)} if isinstance(value, dict) else value


def test_the_default_study_selects_every_method_of_the_comparison():
    config = load({})
    assert [config.runs[name].method for name in config.study.runs] == ["base", "sft", "sft", "sft", "grpo"]
    assert config.arms == (("base", 0), ("lora", 1), ("prefix", 1), ("warmstart", 1), ("grpo", 1))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_validates_on_top_of_the_default_study(overlay):
    assert "smoke.yaml" in OVERLAYS
    merged = copy.deepcopy(DEFAULT)
    update_config(merged, yaml.safe_load((FOLDER / overlay).read_text(encoding="utf-8")))
    assert load_config(merged, overlay).study.results.startswith("results/")


@pytest.mark.parametrize("mistake", BAD_EDITS, ids=lambda mistake: " ".join(mistake[0]))
def test_a_mistake_is_answered_with_its_key_and_the_remedy(mistake):
    assert len({repr(edits) for edits, *_ in BAD_EDITS}) == len(BAD_EDITS) >= 45
    edits, *fragments = mistake
    (problem,) = list_problems(edits)
    for fragment in fragments:
        assert fragment in problem


@pytest.mark.parametrize(
    ("edits", "wanted"),
    [
        ({"runs.lora.method": "stf"}, "runs.lora.method: must be one of base, sft, grpo (did you mean sft?)"),
        ({"models.smollm2.source": DROPPED}, "models.smollm2.source: is required"),
        ({"datasets.sums.prepare.validation": 1.5}, "datasets.sums.prepare.validation: "),
        ({"study.seed": [1]}, "study.seed: unknown key (did you mean seeds?)"),
        ({"runs.lora.init_from": "warmstart"}, "runs.lora.init_from: unknown key"),
        ({"study.runs": ["base", "base"]}, "study.runs: 'base' is listed twice"),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
def test_a_mistake_that_pydantic_words_badly_is_answered_plainly(edits, wanted):
    problems = list_problems(edits)
    assert any(wanted in problem for problem in problems)
    assert not any("constrained" in line or "mean init_from?" in line or len(line) > 200 for line in problems)


def test_a_circle_of_two_runs_is_shown_as_it_goes():
    edits = {"runs.grpo.init_from": "other", "runs.other": edit({})["runs"]["grpo"] | {"init_from": "grpo"}}
    assert sorted(list_problems(edits)) == [
        "  runs.grpo.init_from: goes round in a circle (grpo → other → grpo)",
        "  runs.other.init_from: goes round in a circle (other → grpo → other)",
    ]


def test_a_run_cannot_start_from_a_run_of_another_model():
    edits = {"models.other": DEFAULT["models"]["smollm2"], "runs.grpo.model": "other"}
    assert list_problems(edits) == ["  runs.grpo.init_from: 'warmstart' trains 'smollm2', this run 'other'"]


def test_several_mistakes_are_reported_in_one_go():
    names = {"study.runs": ["bas"], "runs.lora.model": "x", "tasks.sums.dataset": "y"}
    fields = {"runs.lora.training.learning_rte": 1, "runs.prefix.adapter.tokens": 2, "runs.grpo.training.beta": "b"}
    shapes = {"study.sed": 1, "tasks.sums.kind": "math", "models.smollm2.sha256": "abc"}
    assert [len(list_problems(edits)) for edits in (names, fields, shapes)] == [3, 3, 3]


def test_a_number_that_yaml_reads_as_text_becomes_a_number():
    assert yaml.safe_load("1e-4") == "1e-4"
    config = load({"runs.lora.training.learning_rate": "1e-4", "runs.lora.training.max_steps": 60.0})
    assert repr(config.runs["lora"].training["learning_rate"]) == "0.0001"
    assert repr(config.runs["lora"].training["max_steps"]) == "60"
    assert config == load({"runs.lora.training.learning_rate": 0.0001})


def test_the_order_of_keys_changes_no_fact():
    config, reordered = load({}), load_config(reverse_keys(DEFAULT), "config/config.yaml")
    facts = [(path, repr(value)) for path, value in flatten("config", config)]
    assert facts == [(path, repr(value)) for path, value in flatten("config", reordered)]
    assert len(facts) > 100


def test_a_run_that_starts_from_another_publishes_what_that_one_does():
    full = {"runs.warmstart.adapter": None}
    assert [load({}).keeps_adapter("grpo"), load(full).keeps_adapter("grpo")] == [True, False]
    assert load({}).find_adapter("grpo")["r"] == 16
