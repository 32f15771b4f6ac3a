import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tunelab.config.arguments import NAMES, NUMBERS, RANGES, SIGNED, check_arguments, load_arguments
from tunelab.config.drafts import Unknown
from tunelab.config.fields import load_classes, load_unsupported
from tunelab.upkeep.schema import CHOICES


@pytest.mark.parametrize(
    ("class_name", "field", "given", "kept"),
    [
        ("SFTConfig", "learning_rate", "1e-4", "0.0001"),
        ("SFTConfig", "learning_rate", "3.0e-4", "0.0003"),
        ("SFTConfig", "max_grad_norm", 1, "1.0"),
        ("SFTConfig", "max_steps", 60.0, "60"),
        ("SFTConfig", "max_length", None, "None"),
        ("SFTConfig", "gradient_checkpointing", True, "True"),
        ("SFTConfig", "eval_strategy", "no", "'no'"),
        ("GRPOConfig", "loss_type", "dapo", "'dapo'"),
        ("LORA", "target_modules", ["q_proj"], "['q_proj']"),
        ("LORA", "target_modules", "all-linear", "'all-linear'"),
        ("LORA", "init_lora_weights", False, "False"),
        ("LORA", "init_lora_weights", "pissa_niter_16", "'pissa_niter_16'"),
        ("BitsAndBytesConfig", "bnb_4bit_compute_dtype", "bfloat16", "'bfloat16'"),
        # all nested values of the command line are text
        ("SFTConfig", "max_steps", "60", "60"),
        ("SFTConfig", "eval_steps", "15", "15.0"),
        ("SFTConfig", "gradient_checkpointing", "true", "True"),
        ("SFTConfig", "max_length", "null", "None"),
        ("BitsAndBytesConfig", "load_in_4bit", "True", "True"),
        ("LORA", "layers_to_transform", "3", "3"),
        ("LORA", "target_modules", "1", "'1'"),
        # YAML has text for a number without a dot, at any depth
        ("SFTConfig", "lr_scheduler_kwargs", {"min_lr": "1e-5"}, "{'min_lr': 1e-05}"),
        ("SFTConfig", "accelerator_config", {"a": {"b": ["2", "true", "x"]}}, "{'a': {'b': [2, True, 'x']}}"),
        ("LORA", "rank_pattern", {"1": "8", "q_proj": 4}, "{'1': 8, 'q_proj': 4}"),
        ("LORA", "velora_config", {"scale": "5e-1", "init_type": "random"}, "{'scale': 0.5, 'init_type': 'random'}"),
    ],
)
def test_a_value_of_a_fitting_type_is_kept_or_coerced(class_name, field, given, kept):
    draft, problems = check_arguments(class_name, {field: given}, {})
    assert problems == []
    assert {name: repr(value) for name, value in draft.right.items()} == {field: kept}


@pytest.mark.parametrize(
    ("class_name", "field", "given", "problem"),
    [
        ("SFTConfig", "learning_rate", "fast", "must be a number (got 'fast')"),
        ("SFTConfig", "learning_rate", True, "must be a number (got true)"),
        ("SFTConfig", "learning_rate", "nan", "must be a finite number (got 'nan')"),
        ("SFTConfig", "learning_rate", float("-inf"), "must be a finite number (got -Infinity)"),
        ("SFTConfig", "learning_rate", 0, "must be greater than 0 (got 0)"),
        ("SFTConfig", "max_steps", 1.5, "must be a whole number (got 1.5)"),
        ("SFTConfig", "max_steps", True, "must be a whole number (got true)"),
        ("SFTConfig", "max_steps", None, "must be a whole number (got null)"),
        ("SFTConfig", "max_steps", -2, "must be greater than 0, or -1 to train for num_train_epochs (got -2)"),
        ("SFTConfig", "weight_decay", -0.1, "must be at least 0 (got -0.1)"),
        ("SFTConfig", "adam_beta1", 1.0, "must be at least 0 and less than 1 (got 1.0)"),
        ("SFTConfig", "gradient_checkpointing", 1, "must be true or false (got 1)"),
        ("SFTConfig", "gradient_checkpointing", "maybe", "must be true or false (got 'maybe')"),
        ("SFTConfig", "eval_steps", "many", "must be a number or null (got 'many')"),
        ("SFTConfig", "eval_strategy", "step", "must be one of epoch, no, steps (got 'step'; did you mean steps?)"),
        ("SFTConfig", "pad_token", 3, "must be null or text (got 3): put it in quotes"),
        ("SFTConfig", "learning_rat", 1, "is not a field of SFTConfig (did you mean learning_rate?)"),
        ("SFTConfig", "zzz", 1, "is not a field of SFTConfig"),
        ("SFTConfig", "num_generations", 8, "is not a field of SFTConfig"),
        ("PREFIX_TUNING", "lora_alpha", 8, "is not a field of PREFIX_TUNING"),
        ("LORA", "lora_dropout", 1.1, "must be between 0 and 1 (got 1.1)"),
        ("LORA", "target_modules", {"q": 1}, 'must be a list or null or text (got {"q": 1})'),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_would(class_name, field, given, problem):
    draft, problems = check_arguments(class_name, {field: given}, {})
    assert draft.right == {}
    assert problems == [(field, problem)]


def test_a_field_that_is_not_obeyed_is_refused_with_the_sentence_for_it():
    draft, problems = check_arguments("SFTConfig", {"seed": 1, "max_steps": 2}, {"seed": "list seeds in study.seeds"})
    assert draft.right == {"max_steps": 2}
    assert problems == [("seed", "list seeds in study.seeds")]


def test_every_problem_is_listed():
    _, problems = check_arguments("GRPOConfig", {"beta": "x", "bta": 1, "loss_type": 3}, {})
    assert [field for field, _ in problems] == ["beta", "bta", "loss_type"]


def test_what_is_wrong_and_what_is_meant_by_a_wrong_name_cannot_be_asked_for():
    draft, _ = check_arguments("SFTConfig", {"max_steps": "x", "save_step": 5, "eval_steps": 5}, {})
    assert draft.get("eval_steps") == 5
    assert draft.get("learning_rate", 1) == 1
    for name in ("max_steps", "save_step", "save_steps"):
        with pytest.raises(Unknown):
            draft.get(name)


def test_the_listed_classes_cover_trainers_adapters_and_quantisation():
    listed = load_arguments()
    assert {"SFTConfig", "GRPOConfig", "BitsAndBytesConfig", "LORA", "PREFIX_TUNING", "IA3"} <= set(listed)
    assert sum(name.isupper() or name == "IA3" for name in listed) == len(listed) - 7


def test_words_listed_for_a_field_of_text_are_those_that_trl_looks_for():
    trl = Path(find_spec("trl").origin).parent
    for class_name, stem in (("SFTConfig", "sft"), ("GRPOConfig", "grpo")):
        files = [trl / "trainer" / f"{stem}_{part}.py" for part in ("config", "trainer")] + [trl / "data_utils.py"]
        source = "".join(file.read_text(encoding="utf-8") for file in files)
        for field, choices in CHOICES[class_name].items():
            # a comparison with one word or with several: `self.loss_type in ["grpo", "sapo"]`, `strategy == "bfd"`
            name = field.replace("packing_", "(?:packing_)?")
            compared = re.findall(rf"\b{name} (?:==|!=|in|not in) ([\[({{]?)((?:\"\w[\w-]*\",? ?)+)", source)
            found = {word for _, words in compared for word in re.findall(r"[\w-]+", words)}
            assert found == set(choices), f"{class_name}.{field}"


NUMERIC = sorted(
    (class_name, field)
    for class_name in {"SFTConfig", "GRPOConfig", "BitsAndBytesConfig", *load_arguments()} - set(load_unsupported())
    for field, known in load_arguments()[class_name].items()
    if {"int", "float"} & set(known["types"]) and field in load_classes(class_name).passed
)


def test_no_number_may_be_below_zero_but_those_that_mean_something_there():
    assert len(NUMERIC) > 240
    for class_name, field in NUMERIC:
        _, problems = check_arguments(class_name, {field: -3}, {})
        assert bool(problems) == (field not in SIGNED - {"max_steps"}), (class_name, field)


def test_the_libraries_own_numbers_are_in_range():
    for class_name, field in NUMERIC:
        default = load_arguments()[class_name][field].get("default")
        if isinstance(default, int | float) and default >= 0 and (class_name, field) != ("OFT", "r"):  # 0: no rank
            assert check_arguments(class_name, {field: default}, {})[1] == [], (class_name, field)


@pytest.mark.parametrize("fields", [set().union(*(named for named, _, _ in RANGES)), NAMES, NUMBERS, SIGNED])
def test_ranges_are_of_fields_that_there_are(fields):
    known = {field for listed in load_arguments().values() for field in listed} | {"dropout"}
    assert fields <= known
