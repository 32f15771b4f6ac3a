"""What the numbers of TRL's, PEFT's and bitsandbytes' own settings must fulfil.

The libraries take most numbers, and fail, or learn nothing, much later. Whatever they say, a number
must not be negative unless `SIGNED` has it.
"""

import math
from typing import Any

from tunelab.config.wording import refuse_value

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
    *("data_seed", "generator_seed", "projection_prng_key", "proj_seed", "projection_seed", "random_loc_seed"),
    *("random_seed",),
}
# those that mean something below 0, or are judged elsewhere
SIGNED = {
    "max_steps",
    "decompose_factor",
    "entropy_coef",
    "entropy_coef_min",
    "entropy_coef_max",
    "layers_to_transform",
}
# lists of names and of numbers; `_pattern` stands for every mapping of names to numbers whose name ends so
NAMES = {
    *("target_modules", "exclude_modules", "feedforward_modules", "modules_to_save", "layers_pattern"),
    *("target_parameters", "optim_target_modules", "llm_int8_skip_modules"),
}
NUMBERS = {"layers_to_transform", "token_indices", "trainable_token_indices", "alora_invocation_tokens"}
FRACTIONS = {"alpha_pattern", "lambda_pattern"}
# fields, what their numbers must fulfil, and how to say it; `dropout` stands for every field whose name ends so
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


def check_range(name: str, number: float, value: Any) -> None:
    """Judge a field's number; `value` is how it was written.

    Raises:
        ValueError: with the sentence that says what the value must be.
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
    """Judge what stands inside a field's list or mapping.

    Raises:
        ValueError: with the sentence that says what each entry must be.
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
