"""What a config may say: the project's own studies, values that arrive as text, and settings that only look wrong."""

import copy
from typing import Any

import pytest
import yaml
from snakemake.cli import parse_config

from tests.unit.config.default_config import DEFAULT, FOLDER, load, merge
from tunelab.config.loading import load_config
from tunelab.jobs.provenance import flatten

OVERLAYS = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "config.yaml")
GOOD_OVERLAYS = [
    # an adapter's best weights are kept beside the checkpoints; a whole model must be saved when it is evaluated
    "runs: {lora: {training: {save_steps: 10}}}",
    "runs: {lora: {adapter: , training: {save_strategy: best}}}",
    "runs: {lora: {adapter: , training: {eval_strategy: epoch, save_strategy: epoch, eval_steps: }}}",
    "runs: {lora: {adapter: , training: {eval_steps: 0.25, save_steps: 0.25}}}",
    "{checkpoints: {save_steps: 15}, runs: {lora: {adapter: }}}",
    "runs: {lora: {training: {max_steps: -1, num_train_epochs: 3}}}",
    "runs: {lora: {training: {metric_for_best_model: eval_loss, greater_is_better: false}}}",
    "runs: {lora: {adapter: {init_lora_weights: pissa_niter_16}}}",
    "runs: {lora: {quantization: {load_in_4bit: true, bnb_4bit_quant_type: nf4, bnb_4bit_compute_dtype: bfloat16}}}",
    "runs: {warmstart: {adapter: }}",  # full fine-tuning, and a start from it
    "runs: {lora: {dataset: sums}}",  # a task asks the held-out rows of the same data set
    "runs: {copy: {method: base, label: LoRA, model: smollm2}}",  # an equal label, not in the study
    "runs: {grpo: {init_from: , adapter: {peft_type: LORA, r: 4}}}",
    "runs: {grpo: {training: {generation_batch_size: 48, num_generations: 6}}}",
    "runs: {grpo: {rewards: {weights: {correctness: 0, xml_count: -1}}}}",
    "runs: {grpo: {rewards: {functions: {brevity: my.py}, weights: {brevity: 0.2, correctness: 0}}}}",
    "runs: {grpo: {rewards: {functions: {brevity: my.py, clarity: my.py}, weights: {brevity: 1, clarity: 0}}}}",
    "{tasks: {sums: {metrics: {brevity: my.py}}}, comparison: {margins: {brevity: 0.1}}}",
    "{tasks: {sums: {metrics: {brevity: my.py}}}, study: {tasks: [support]}}",  # no task of the study has it
    "datasets: {support: {prepare: {keep: [topic]}}}",
    "datasets: {sums: {prepare: {validation: 999}}}",
    # the source has test rows of its own
    "datasets: {mine: {fetch: {source: local, files: [a.csv], test_files: [b.csv]}, "
    "prepare: {format: gsm8k, validation: 0.5, test: 0.9}}}",
    "study: {results: results/mine/second_try}",
    "models: {qwen2.5-0.5b: {source: local, path: model}}",
]


def reverse_keys(value: Any) -> Any:
    return {key: reverse_keys(value[key]) for key in reversed(value)} if isinstance(value, dict) else value


def test_the_default_study_selects_every_method_of_the_comparison():
    config = load({})
    assert [config.runs[name].method for name in config.study.runs] == ["base", "sft", "sft", "sft", "grpo"]
    assert config.trained == ["lora", "prefix", "warmstart", "grpo"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_validates_on_top_of_the_default_study(overlay):
    assert "smoke.yaml" in OVERLAYS
    overlaid = load((FOLDER / overlay).read_text(encoding="utf-8"))
    assert overlaid.study.results.startswith("results/")


@pytest.mark.parametrize("overlay", GOOD_OVERLAYS)
def test_what_only_looks_wrong_is_taken(overlay):
    assert load(overlay) != load({})


def test_a_number_that_yaml_reads_as_text_becomes_a_number():
    assert yaml.safe_load("1e-4") == "1e-4"
    config = load("runs: {lora: {training: {learning_rate: 1e-4, max_steps: 60.0}}}")
    assert repr(config.runs["lora"].training["learning_rate"]) == "0.0001"
    assert repr(config.runs["lora"].training["max_steps"]) == "60"
    assert config == load("runs: {lora: {training: {learning_rate: 0.0001}}}")


def test_values_of_the_command_line_mean_the_same_as_those_of_a_file():
    training = "max_steps: 40, learning_rate: 1e-4, gradient_checkpointing: true, eval_strategy: steps"
    given = [
        "study={seeds: [1, 2], smoke: true}",
        f"runs={{lora: {{training: {{{training}}}, adapter: {{r: 4}}}}}}",
        "datasets={support: {prepare: {validation: 0.2, test: 32}}}",
    ]
    overlay = parse_config(given)
    assert overlay["study"]["seeds"] == ["1", "2"]  # this is how Snakemake hands nested values on
    config = load(overlay)
    assert config == load("\n".join(item.replace("=", ": ", 1) for item in given))
    assert (config.study.seeds, config.runs["lora"].training["gradient_checkpointing"]) == ((1, 2), True)


def test_the_order_of_keys_changes_no_fact():
    config, reordered = load({}), load_config(reverse_keys(DEFAULT), "config/config.yaml")
    facts = [(path, repr(value)) for path, value in flatten("config", config)]
    assert facts == [(path, repr(value)) for path, value in flatten("config", reordered)]
    assert len(facts) > 100


def test_a_run_that_starts_from_another_publishes_what_that_one_does():
    full = "runs: {warmstart: {adapter: }}"
    assert [load({}).keeps_adapter("grpo"), load(full).keeps_adapter("grpo")] == [True, False]
    assert load({}).find_adapter("grpo")["r"] == 16


def test_runs_are_listed_by_what_they_publish():
    config = load("runs: {warmstart: {adapter: }}")
    assert config.list_trained("sft", adapter=True) == ["lora", "prefix"]
    assert config.list_trained("sft", adapter=False) == ["warmstart"]
    assert config.list_trained("grpo", adapter=False) == ["grpo"]
    assert config.list_trained("grpo", adapter=True) == []


@pytest.mark.parametrize(("run", "seed"), [("grpo", 4), ("base", 0)])
def test_the_repeated_arm_is_the_named_runs_first(run, seed):
    assert load(f"{{study: {{seeds: [4, 2]}}, noise: {{run: {run}}}}}").repeated_arm == (run, seed)


def test_the_config_given_is_left_as_it_is():
    raw = merge("runs: {lora: {training: {learning_rate: 1e-4}}}")
    before = copy.deepcopy(raw)
    load_config(raw, "config/config.yaml")
    assert raw == before


def test_a_metric_of_ones_own_may_be_said_by_its_file_alone():
    given = "comparison: {margins: {a: 1, b: 1}}\ntasks: {sums: {metrics: {a: my.py, b: {file: my.py, better: lower}}}}"
    metrics = load(given).tasks["sums"].metrics
    assert {name: (metric.file, metric.better) for name, metric in metrics.items()} == {
        "a": ("my.py", "higher"),
        "b": ("my.py", "lower"),
    }


def test_functions_are_taken_from_where_they_are_found():
    rewards = "rewards: {functions: {r: my.py}, weights: {r: 1}}"
    given = (
        f"{{runs: {{grpo: {{{rewards}}}}}, samples: {{play: {{run: base, dataset: sums, {rewards}}}}}, tasks: {{sums: "
    )
    config = load(given + "{metrics: {m: own.py}}}, comparison: {margins: {m: 1}}}")
    placed = config.with_places("elsewhere/results", lambda path: f"found/{path}")
    assert placed.runs["grpo"].rewards.functions == placed.samples["play"].rewards.functions == {"r": "found/my.py"}
    assert placed.tasks["sums"].metrics["m"].file == "found/own.py"
    assert placed.runs["lora"] == config.runs["lora"] and placed.tasks["support"] == config.tasks["support"]


@pytest.mark.parametrize("loss", ["bnpo", "dr_grpo", "grpo", "luspo", "sapo", "vespo"])
def test_an_overlay_takes_another_loss_by_that_word_alone(loss):
    assert load(f"runs: {{grpo: {{training: {{loss_type: {loss}}}}}}}").runs["grpo"].training["epsilon"] == 0.2


def test_the_default_of_a_field_that_is_not_read_takes_back_what_another_file_says():
    below = "runs: {grpo: {training: {epsilon: 0.3, delta: 4.0}}}"
    above = "runs: {grpo: {training: {loss_type: sapo, epsilon: 0.2, delta: null}}}"
    assert load(below, above).runs["grpo"].training["loss_type"] == "sapo"


@pytest.mark.parametrize(("given", "word"), [("true", "group"), ("off", "none"), ("'true'", "group")])
def test_true_and_false_are_the_words_that_the_library_takes_them_for(given, word):
    training = load(f"runs: {{grpo: {{training: {{scale_rewards: {given}}}}}}}").runs["grpo"].training
    assert training["scale_rewards"] == word


@pytest.mark.parametrize("kept", [True, False])
def test_both_names_of_recomputation_are_one_setting(kept):
    """So that the facts, and with them the keys of kept work, are the same."""
    run = "{method: sft, label: Mine, model: smollm2, dataset: support, adapter: , training: {%s}}"
    fields = {"gradient_checkpointing": str(kept).lower()} | ({"gradient_checkpointing_kwargs": "{}"} if kept else {})
    old = ", ".join(f"{name}: {value}" for name, value in fields.items())
    written = [run % text for text in (old, old.replace("gradient", "activation"))]
    loaded = [load(f"runs: {{mine: {text}}}").runs["mine"] for text in written]
    assert loaded[0] == loaded[1] and loaded[0].training["gradient_checkpointing"] is kept
