import pytest

from tunelab.arguments import check_arguments, load_arguments, suggest


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
        ("BitsAndBytesConfig", "bnb_4bit_compute_dtype", "bfloat16", "'bfloat16'"),
    ],
)
def test_a_value_of_a_fitting_type_is_kept_or_coerced(class_name, field, given, kept):
    checked, problems = check_arguments(class_name, {field: given}, {})
    assert problems == []
    assert {name: repr(value) for name, value in checked.items()} == {field: kept}


@pytest.mark.parametrize(
    ("class_name", "field", "given", "problem"),
    [
        ("SFTConfig", "learning_rate", "fast", "must be float (got 'fast')"),
        ("SFTConfig", "learning_rate", True, "must be float (got True)"),
        ("SFTConfig", "max_steps", 1.5, "must be int (got 1.5)"),
        ("SFTConfig", "max_steps", True, "must be int (got True)"),
        ("SFTConfig", "max_steps", None, "must be int (got None)"),
        ("SFTConfig", "gradient_checkpointing", 1, "must be bool (got 1)"),
        ("SFTConfig", "gradient_checkpointing", "false", "must be bool (got 'false')"),
        # YAML 1.1 reads an unquoted no as false
        ("SFTConfig", "eval_strategy", False, "must be str (got False)"),
        ("SFTConfig", "eval_strategy", "step", "must be one of epoch, no, steps (did you mean steps?) (got 'step')"),
        ("SFTConfig", "learning_rat", 1, "is not a field of SFTConfig (did you mean learning_rate?)"),
        ("SFTConfig", "zzz", 1, "is not a field of SFTConfig"),
        ("SFTConfig", "num_generations", 8, "is not a field of SFTConfig"),
        ("PREFIX_TUNING", "lora_alpha", 8, "is not a field of PREFIX_TUNING"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_would(class_name, field, given, problem):
    checked, problems = check_arguments(class_name, {field: given}, {})
    assert checked == {}
    assert problems == [(field, problem)]


def test_a_field_that_the_workflow_sets_is_refused_with_the_remedy():
    problems = check_arguments("SFTConfig", {"seed": 1, "max_steps": 2}, {"seed": "list seeds in study.seeds"})
    assert problems == ({"max_steps": 2}, [("seed", "is set by the workflow: list seeds in study.seeds")])


def test_every_problem_is_listed():
    _, problems = check_arguments("GRPOConfig", {"beta": "x", "bta": 1, "loss_type": 3}, {})
    assert [field for field, _ in problems] == ["beta", "bta", "loss_type"]


def test_a_name_is_suggested_only_when_one_is_close():
    assert suggest("num_virtual_token", ["num_layers", "num_virtual_tokens"]) == " (did you mean num_virtual_tokens?)"
    assert suggest("zzz", {"lora": 1, "prefix": 2}) == ""


def test_the_listed_classes_cover_trainers_adapters_and_quantisation():
    listed = load_arguments()
    assert {"SFTConfig", "GRPOConfig", "BitsAndBytesConfig", "LORA", "PREFIX_TUNING", "IA3"} <= set(listed)
    assert sum(name.isupper() or name == "IA3" for name in listed) == len(listed) - 3
