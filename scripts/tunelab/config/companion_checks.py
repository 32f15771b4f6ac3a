"""Judge settings of a training that need others beside them, or exclude them.

Each refusal stands where transformers, TRL or PEFT would raise an error when the trainer is built, or would train
something else without a word.
"""

from collections.abc import Iterator

from tunelab.config.drafts import Draft, Problem
from tunelab.config.field_classes import find_setting, find_written
from tunelab.config.methods import DRAWING, REWARDED
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.run_checks import find_adapter

Found = Iterator[Problem]


def check_precision(config: Draft, path: tuple, run: Draft) -> Found:
    """See that a written `bf16: false` or `fp16: false` does not contradict the precision."""
    for field, precision in (("bf16", "bfloat16"), ("fp16", "float16")):
        chosen = run.get("precision") or config.study.precision
        if field in run.training.given and field not in run.training.wrong and chosen in (precision, "auto"):
            yield Problem((*path, "training", field), f"the precision is {chosen}; set the run's own precision instead")


def check_saved_best(config: Draft, path: tuple, run: Draft) -> Found:
    """`save_strategy: best` saves what an evaluation found best, by a measure that must be named."""
    training, here = run.training, (*path, "training", "save_strategy")
    if training.get("save_strategy") != "best":
        return
    if run.method != "sft":
        yield Problem(here, "there is no evaluation while such a run trains, so that no step is the best; write steps")
    elif training.get("eval_strategy", "no") == "no":
        yield Problem(here, "no step is the best without evaluations; set eval_strategy to steps or epoch")
    elif training.get("metric_for_best_model") is None and not _loads_best(config, path, run):
        yield Problem(here, "best needs a measure; write metric_for_best_model: loss beside it")


def _loads_best(config: Draft, path: tuple, run: Draft) -> bool:
    """Tell whether transformers itself is asked for the best step, and so fills in the measure."""
    return bool(run.training.get("load_best_model_at_end")) and find_adapter(config, path[-1]) is None


def check_packing(config: Draft, path: tuple, run: Draft) -> Found:
    """Packed rows are told apart by positions alone, which neither a cache nor an end of a row survives."""
    training, adapter = run.training, find_adapter(config, path[-1])
    if training.get("padding_free") and not training.get("packing") and find_setting(run, "max_length") is not None:
        text = "TRL cannot cut rows without padding; set packing: true, or max_length: null"
        yield Problem((*path, "training", "padding_free"), text)
    if adapter is None:
        return
    for field in ("packing", "eval_packing", "padding_free"):
        if training.get(field) and adapter.peft_type in PROMPT_LEARNING:
            text = "packed rows would see each other through a prefix or prompt, which all of them share; leave it out"
            yield Problem((*path, "training", field), text)
        elif training.get(field) and adapter.get("alora_invocation_tokens"):
            text = "an aLoRA begins once in a row, and a packed row is several; leave it out"
            yield Problem((*path, "training", field), text)


def check_checkpointing(config: Draft, path: tuple, run: Draft) -> Found:
    """See that settings of recomputation are given only where it is on, and `selective` only without `use_reentrant`.

    Unlike other fields they are not let be where the switch is off in writing: nearly every run writes it.
    """
    given = run.training.get("gradient_checkpointing_kwargs")
    here = (*path, "training", find_written(run.training, "gradient_checkpointing_kwargs"))
    if given and not find_setting(run, "gradient_checkpointing"):
        yield Problem(here, "does nothing without gradient_checkpointing: true; write that, or null here")
    if isinstance(given, dict) and given.get("selective") and given.get("use_reentrant"):
        yield Problem(here, "selective excludes use_reentrant: true; leave that out")


def check_reference(config: Draft, path: tuple, run: Draft) -> Found:
    """A reference of its own is kept only for a whole model, and only if the loss asks for it."""
    here = (*path, "training", "sync_ref_model")
    if run.method == "sft" or not run.training.get("sync_ref_model"):
        return
    if not find_setting(run, "beta"):
        yield Problem(here, "without beta there is no reference to bring up to date; set beta, or leave it out")
    if find_adapter(config, path[-1]) is not None:
        yield Problem(here, "an adapter's reference is the base itself, which stays as it is; leave it out")


def check_completions(config: Draft, path: tuple, run: Draft) -> Found:
    """See that completions end: without a bound, one that a model does not end would go on for ever."""
    if run.method in DRAWING and find_setting(run, "max_completion_length") is None:
        text = "must be a number of tokens, as a completion may never end by itself (got null)"
        yield Problem((*path, "training", "max_completion_length"), text)


def check_vllm(config: Draft, path: tuple, run: Draft) -> Found:
    """See that the clipping of vLLM's probabilities leaves something, and that one library samples."""
    if run.method not in REWARDED or not run.training.get("use_vllm"):
        return
    training, here = run.training, (*path, "training")
    if training.get("use_transformers_continuous_batching"):
        yield Problem((*here, "use_transformers_continuous_batching"), "excludes use_vllm; keep one of them")
    most = training.get("vllm_importance_sampling_cap") or find_setting(run, "vllm_importance_sampling_clip_max")
    least = training.get("vllm_importance_sampling_clip_min")
    mode = find_setting(run, "vllm_importance_sampling_mode")
    if None not in (least, most) and least >= most:
        text = f"must be less than vllm_importance_sampling_clip_max ({most:g}; got {least:g})"
        yield Problem((*here, "vllm_importance_sampling_clip_min"), text)
    if least is most is None and mode.endswith("_truncate"):
        yield Problem((*here, "vllm_importance_sampling_mode"), f"{mode} needs vllm_importance_sampling_clip_max")
    if training.get("loss_type") == "vespo" and mode.startswith("sequence"):
        text = f"the loss vespo needs token_truncate or token_mask (got {mode})"
        yield Problem((*here, "vllm_importance_sampling_mode"), text)


def check_sampled_weights(config: Draft, path: tuple, run: Draft) -> Found:
    """See that handing the weights to another sampler leaves those that are trained, and their base, as they are."""
    if run.method not in DRAWING:
        return
    training, here = run.training, (*path, "training")
    full = (run.get("precision") or config.study.precision) == "float32"
    if training.get("use_transformers_continuous_batching") and not full:
        text = (
            "TRL would hold the trained weights in half precision from the first sampling on; set the run's own "
            "precision: float32, or leave it out"
        )
        yield Problem((*here, "use_transformers_continuous_batching"), text)
    if not training.get("use_vllm") or find_adapter(config, path[-1]) is None:
        return
    exact = full and run.get("quantization") is None
    if not exact:
        text = (
            "for vLLM, TRL merges the adapter into the base and takes it out again at every step, which changes a base "
            "in half precision or quantised; set the run's own precision: float32 (unquantised), or leave it out"
        )
        yield Problem((*here, "use_vllm"), text)


COMPANION_CHECKS = (
    *(check_precision, check_saved_best, check_packing, check_checkpointing, check_reference),
    *(check_completions, check_vllm, check_sampled_weights),
)
