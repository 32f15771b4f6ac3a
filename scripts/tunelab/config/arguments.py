"""Check the names, types and ranges of TRL's, PEFT's and bitsandbytes' own settings without importing those libraries.

`arguments.json` lists, per class, each field's accepted types; `tunelab.upkeep.schema` writes it from the installed
libraries, and a test keeps it in step. Importing them here would cost every dry run seven seconds.
"""

import functools
import json
import math
import re
from pathlib import Path
from typing import Any

from tunelab.config.drafts import Draft
from tunelab.config.wording import find_nearest, join_demands, refuse_choice, refuse_name, refuse_value

FILE = Path(__file__).with_name("arguments.json")
PYTHON_TYPES = {"int": int, "float": float, "bool": bool, "str": str, "list": list, "dict": dict, "null": type(None)}
DEMANDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "str": "must be text",
    "list": "must be a list",
    "dict": "must be a mapping",
    "null": "must be null",
}
WORDS = {"true": True, "false": False, "null": None}
# Ranges of numbers. The libraries accept most numbers, and fail or learn nothing much later. No number may be negative
# but those of `SIGNED`.
POSITIVE = {
    *("learning_rate", "num_train_epochs", "gradient_accumulation_steps", "max_length", "max_completion_length"),
    *("per_device_train_batch_size", "per_device_eval_batch_size", "logging_steps", "eval_steps", "save_steps"),
    *("generation_batch_size", "steps_per_generation", "num_iterations", "temperature", "repetition_penalty"),
    *("torch_empty_cache_steps", "pad_to_multiple_of", "dataset_num_proc", "dataloader_prefetch_factor", "delta"),
    *("ref_model_sync_steps", "sapo_temperature_neg", "sapo_temperature_pos", "desirable_weight", "undesirable_weight"),
    *("r", "init_r", "target_r", "mini_r", "alpha", "lora_alpha", "psoft_alpha", "randlora_alpha", "delora_lambda"),
    *("num_virtual_tokens", "encoder_hidden_size", "total_step", "deltaT", "block_size", "group_size", "gralora_k"),
    *("n_frequency", "num_vectors", "vector_length", "topk", "u", "theta_d_length", "num_subspaces", "subspace_rank"),
}
SHARES = {
    *("min_p", "label_smoothing_factor", "dropout", "ref_model_mixup_alpha", "top_entropy_quantile", "sparsity"),
    *("sparse_rate", "svd_threshold", "weight_tying"),
}
SEEDS = {
    "data_seed",
    "generator_seed",
    "projection_prng_key",
    "proj_seed",
    "projection_seed",
    "random_loc_seed",
    "random_seed",
}
# numbers that mean something below 0, or that other checks cover
SIGNED = {
    "max_steps",
    "decompose_factor",
    "entropy_coef",
    "entropy_coef_min",
    "entropy_coef_max",
    "layers_to_transform",
}
# lists of names, lists of numbers, and mappings of names to fractions
NAMES = {
    *("target_modules", "exclude_modules", "feedforward_modules", "modules_to_save", "layers_pattern"),
    *("target_parameters", "optim_target_modules", "llm_int8_skip_modules"),
}
NUMBERS = {"layers_to_transform", "token_indices", "trainable_token_indices", "alora_invocation_tokens"}
FRACTIONS = {"alpha_pattern", "lambda_pattern"}
# fields, the condition on their numbers, and its words; `dropout` stands for all fields whose names end so
RANGES = (
    (POSITIVE, lambda number: number > 0, "must be greater than 0"),
    ({"adam_beta1", "adam_beta2", "beta1", "beta2"}, lambda n: 0 <= n < 1, "must be at least 0 and less than 1"),
    (SHARES, lambda number: 0 <= number <= 1, "must be between 0 and 1"),
    ({"top_p"}, lambda number: 0 < number <= 1, "must be greater than 0 and at most 1"),
    (SEEDS, lambda number: 0 <= number < 2**32, "must be at least 0 and less than 4294967296"),
    (
        {"logging_steps", "eval_steps", "save_steps", "warmup_steps"},
        lambda number: number < 1 or number == int(number),
        "must be a whole number of steps, or a share of them below 1",
    ),
    (
        {"save_total_limit"},
        lambda number: number >= 2,
        "must be at least 2, so that one checkpoint is whole while the next is written",
    ),
    (
        {"max_steps"},
        lambda number: number > 0 or number == -1,
        "must be greater than 0, or -1 to train for num_train_epochs",
    ),
)


@functools.cache
def load_arguments() -> dict[str, dict[str, dict]]:
    """Return {class name: {field: {"types": [...], "choices": [...], "default": ..., "words": {...}}}}.

    With empty types any value may pass. A field without a default has null, or a value that no config can write. Words
    map true and false to the words that the library takes them for.
    """
    return json.loads(FILE.read_text(encoding="utf-8"))


def check_arguments(
    class_name: str, values: dict[str, Any], refused: dict[str, str], called: dict[str, str] | None = None
) -> tuple[Draft, list[tuple[str, str]]]:
    """Check values against the fields of a library's class.

    Args:
        refused: fields that no config may set, with the messages.
        called: a field's names elsewhere, with its name here, or what to do instead.

    Returns:
        The fields with numbers coerced, and a list of (field, message) for those that the class would not accept.
    """
    fields, right, wrong, problems = load_arguments()[class_name], {}, set(), []
    for name, value in values.items():
        if name in refused:
            problems.append((name, refused[name]))
        elif name not in fields:
            nearest, problem = _find_meant(name, fields, called or {}, f"is not a field of {class_name}")
            problems.append((name, problem))
            if nearest not in (None, *values):  # what it stands for is not at its default
                wrong.add(nearest)
        else:
            try:
                meant = _take_word(value, fields[name].get("words", {}))
                right[name] = _coerce(name, meant, fields[name]["types"], fields[name].get("choices"))
            except ValueError as error:
                problems.append((name, str(error)))
    return Draft(right, wrong | {name for name, _ in problems}, values), problems


def check_range(name: str, number: float, value: Any) -> None:
    """Check the number of a field.

    Args:
        value: the number as it was written, for messages.

    Raises:
        ValueError: with the message.
    """
    if not math.isfinite(number):
        raise ValueError(refuse_value("must be a finite number", value))
    kind = "dropout" if name.endswith("dropout") else name
    for fields, fits, demand in RANGES:
        if kind in fields and not fits(number):
            raise ValueError(refuse_value(demand, value))
    if number < 0 and kind not in SIGNED:
        raise ValueError(refuse_value("must be at least 0", value))


def check_entries(name: str, value: Any) -> None:
    """Check the entries of a field's list or mapping.

    Raises:
        ValueError: with the message.
    """
    if isinstance(value, dict) and name.endswith("_pattern"):
        kinds = (int, float) if name in FRACTIONS else (int,)
        wrong = [entry for entry in value.values() if type(entry) not in kinds or not entry > 0]
        demand = f"must give each name a {'' if name in FRACTIONS else 'whole '}number greater than 0"
    elif name == "llm_int8_skip_modules" and not isinstance(value, list | None):
        wrong, demand = [value], "must be a list of names"
    elif isinstance(value, list) and name in NAMES:
        wrong = [entry for entry in value if not isinstance(entry, str) or not entry.strip()]
        demand = "must be a list of names"
    elif isinstance(value, str) and name == "modules_to_save":  # PEFT would take each letter for a name
        wrong, demand = [value], "must be a list of names"
    elif isinstance(value, list) and name in NUMBERS:
        wrong = [entry for entry in value if not _is_index(entry)]
        demand = "must be a list of whole numbers from 0"
    elif isinstance(value, dict) and name in NUMBERS:
        wrong = [one for one in value.values() if not (isinstance(one, list) and one and all(map(_is_index, one)))]
        demand = "must give each name a list of whole numbers from 0"
    elif isinstance(value, list) and name == "layer_replication":
        wrong = [pair for pair in value if not _is_span(pair)]
        demand = "must be a list of pairs, each of a first layer and one after the last, such as [[0, 4], [2, 6]]"
    else:
        return
    if wrong:
        raise ValueError(refuse_value(demand, wrong[0]))
    if name in ("target_modules", "token_indices") and not value:
        raise ValueError(refuse_value("must have at least 1 entry", value))


def _is_index(entry: Any) -> bool:
    return type(entry) is int and entry >= 0


def _is_span(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(map(_is_index, pair)) and pair[0] < pair[1]


def _find_meant(name: str, fields: dict[str, Any], called: dict[str, str], problem: str) -> tuple[str | None, str]:
    """Return the field that an unknown name probably means, if any, and the message about it."""
    meant = called.get(name)
    if meant in fields:
        return meant, f"{problem}; it is called {meant} here"
    if meant is not None:
        return None, f"{problem}; {meant}"
    return find_nearest(name, fields), refuse_name(problem, name, fields)


def _take_word(value: Any, words: dict[str, str]) -> Any:
    """Return the word that a library takes a true or false for, so that each setting has one form."""
    return words.get(str(value).lower(), value) if isinstance(value, bool | str) else value


def _coerce(name: str, value: Any, types: list[str], choices: list[str] | None) -> Any:
    """Return the value as one of the types.

    Raises:
        ValueError: with the message.
    """
    if isinstance(value, dict):
        value = parse_value(value)
    if not types:
        check_entries(name, value)
        return value
    coerced = _parse(value) if isinstance(value, str) and "str" not in types else value
    # YAML has 1 where 1.0 is meant, and the other way round
    if "float" in types and type(coerced) is int:
        coerced = float(coerced)
    elif "int" in types and type(coerced) is float and coerced.is_integer():
        coerced = int(coerced)
    known = choices is None or not isinstance(coerced, str) or any(is_choice(coerced, choice) for choice in choices)
    if not known or not _is_one_of(coerced, types):
        demands = [DEMANDS[kind] for kind in types if not (choices and kind == "str")]
        if choices:
            raise ValueError(refuse_choice(value, choices, demands))
        raise ValueError(refuse_value(join_demands(demands), value, text_wanted="str" in types))
    if isinstance(coerced, int | float) and not isinstance(coerced, bool):
        check_range(name, coerced, value)
    check_entries(name, coerced)
    return coerced


def parse_value(value: Any) -> Any:
    """Return a value with its numbers and words parsed, which YAML and `--config` may leave as texts."""
    if isinstance(value, dict):
        return {key: parse_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [parse_value(item) for item in value]
    parsed = _parse(value) if isinstance(value, str) else value
    return parsed if parsed is None or isinstance(parsed, bool) or _is_number(parsed) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _parse(text: str) -> Any:
    """Parse a number or a word: YAML 1.1 reads 1e-4 (without a dot) as text, and `--config` every nested value."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _is_one_of(value: Any, types: list[str]) -> bool:
    return any(type(value) is PYTHON_TYPES[name] for name in types)


def is_choice(text: str, choice: str) -> bool:
    """Tell whether a text is one of PEFT's choices, which may have a placeholder: `pissa_niter_[number of iters]`."""
    stem, bracket, _ = choice.partition("[")
    return bool(re.fullmatch(re.escape(stem) + r"\d+", text)) if bracket else text == choice
