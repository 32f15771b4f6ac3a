"""Check settings of adapters and trainings that need other settings beside them, or exclude them.

Each check stands for an error that transformers, TRL or PEFT would raise when the trainer is built, or for a case in
which they would silently train or publish something else.
"""

import re
from collections.abc import Iterator

from tunelab.config.drafts import Draft, Problem
from tunelab.config.fields import find_setting, find_written
from tunelab.config.methods import DRAWING, PREFERENCES, REWARDED
from tunelab.config.peft_types import CHANGES_BASE, PROMPT_LEARNING
from tunelab.config.run_checks import find_adapter
from tunelab.config.wording import show
from tunelab.values import list_names

Found = Iterator[Problem]
# starts that PEFT computes from the weights, which must not be quantised
FROM_WEIGHTS = ("pissa", "mica", "orthogonal")
# settings beside which PEFT cannot correctly publish a LoRA whose start changed the base
UNPUBLISHED = ("use_dora", "modules_to_save", "trainable_token_indices", "bias")
# words of other programs for PEFT's `all-linear`
EVERY_LAYER = {"all", "all-linear-layers", "auto", "default", "linear"}
_NAME = re.compile(r"[\w.]+")
_NAMES = re.compile(r"[\w.]+([\s,]+[\w.]+)+")
# types that take one of two fields, of which the first is off by default
EITHER = {"BOFT": ("boft_block_num", "boft_block_size"), "OFT": ("r", "oft_block_size")}


def starts_by(adapter: Draft | dict, names: tuple[str, ...]) -> bool:
    """Tell whether a LoRA starts by one of these, such as `pissa`; `pissa_niter_4` is a kind of it."""
    return str(adapter.get("init_lora_weights")).startswith(names)


def _check_budget(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that AdaLoRA, which plans its ranks over the complete training, knows its length and is not trained on."""
    adapter, training = find_adapter(config, path[-1]), run.training
    if adapter is None or adapter.peft_type != "ADALORA":
        return
    if run.method != "sft" or run.get("init_from"):
        field = ("init_from",) if run.get("init_from") else ("adapter", "peft_type")
        reason = "its ranks are given away" if run.method == "sft" else f"{run.method} leaves out its regularisation"
        yield Problem((*path, *field), f"AdaLoRA ends where it is trained, as {reason}; take another adapter")
        return
    here, steps = (*path, "adapter", "total_step"), training.get("max_steps", -1)
    if steps == -1:
        yield Problem(here, "needs training.max_steps beside it, since ranks are given away over the whole training")
    elif adapter.get("total_step") not in (None, steps):
        yield Problem(here, f"must equal training.max_steps ({steps}; got {adapter.total_step})")
    elif adapter.get("tinit", 0) >= steps - adapter.get("tfinal", 0):
        yield Problem(here, "tinit and tfinal leave no step in which ranks are given away; lower one of them")
    if training.get("load_best_model_at_end"):
        text = "AdaLoRA gives ranks away to the end, so that no earlier step can be kept; leave it out"
        yield Problem((*path, "training", "load_best_model_at_end"), text)


def _check_targets(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that a text in target_modules can be a pattern for complete names, which PEFT takes it for."""
    targets = run.adapter.get("target_modules") if run.get("adapter") is not None else None
    if not isinstance(targets, str):
        return
    here = (*path, "adapter", "target_modules")
    if targets.lower().replace("_", "-") in EVERY_LAYER:
        yield Problem(
            here, f"{show(targets)} would be a module's name; write all-linear, or leave it out for PEFT's own choice"
        )
    elif _NAMES.fullmatch(targets):
        listed = ", ".join(_NAME.findall(targets))
        yield Problem(here, f"is one pattern for whole names (got {show(targets)}); write a list, [{listed}]")


def _check_layers(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that layers_to_transform and layers_pattern narrow a list of target_modules, and no pattern."""
    adapter = run.get("adapter")
    if adapter is None:
        return
    for field in ("layers_to_transform", "layers_pattern"):
        if isinstance(adapter.get("target_modules"), str) and adapter.get(field) is not None:
            text = "narrows a list of target_modules, which are given as one text; write a list, or leave it out"
            yield Problem((*path, "adapter", field), text)
            return
    if adapter.get("layers_pattern") and adapter.get("layers_to_transform") is None:
        yield Problem((*path, "adapter", "layers_pattern"), "needs layers_to_transform beside it")


def _check_companions(config: Draft, path: tuple, run: Draft) -> Found:
    adapter, here = run.get("adapter"), (*path, "adapter")
    if adapter is None:
        return
    kind, chosen, fed = adapter.peft_type, adapter.get("target_modules"), adapter.get("feedforward_modules")
    if kind == "IA3" and fed and isinstance(chosen, list):
        missing = [name for name in ([fed] if isinstance(fed, str) else fed) if name not in chosen]
        if missing:
            text = f"must be among target_modules, which lack {list_names(missing, quoted=False)}"
            yield Problem((*here, "feedforward_modules"), text)
    if kind in EITHER:
        first, second = EITHER[kind]
        if adapter.get(first) and adapter.get(second, "its default") != 0:
            yield Problem((*here, first), f"excludes {second}; write {second}: 0 beside it")
    if adapter.get("prompt_tuning_init") == "TEXT" and not adapter.get("prompt_tuning_init_text"):
        yield Problem((*here, "prompt_tuning_init"), "TEXT needs prompt_tuning_init_text")
    if adapter.get("lora_bias") and adapter.get("use_dora"):
        yield Problem((*here, "lora_bias"), "excludes use_dora; keep one of them")
    elif adapter.get("lora_bias") and isinstance(adapter.get("init_lora_weights"), str):
        yield Problem((*here, "lora_bias"), "needs the plain start; leave init_lora_weights out")


def _check_start(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that a LoRA's start can be computed and published, and does not change the reference model."""
    adapter, here = run.get("adapter"), (*path, "adapter", "init_lora_weights")
    if adapter is None:
        return
    if run.get("quantization") is not None and starts_by(adapter, FROM_WEIGHTS):
        yield Problem(here, f"PEFT cannot compute {adapter.init_lora_weights} from quantised weights; take olora")
    if starts_by(adapter, CHANGES_BASE):
        alike = [field for field in UNPUBLISHED if adapter.get(field) not in (None, False, "none")]
        patterned = [field for field in ("rank_pattern", "alpha_pattern") if adapter.get(field)]
        for field in alike + (patterned if adapter.get("use_rslora") else []):
            text = f"cannot be published for the base as it was fetched beside {field}; leave one of them out"
            yield Problem(here, f"{adapter.init_lora_weights} {text}")
    if run.method not in ("sft", "distillation") and find_setting(run, "beta") and starts_by(adapter, CHANGES_BASE):
        remedy = "" if run.method in PREFERENCES else "set beta: 0, or "
        text = f"takes parts out of the base, with which {run.method} compares; {remedy}start from a run that has it"
        yield Problem(here, f"{adapter.init_lora_weights} {text}")


def check_precision(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that a written `bf16: false` or `fp16: false` does not contradict the precision."""
    for field, precision in (("bf16", "bfloat16"), ("fp16", "float16")):
        chosen = run.get("precision") or config.study.precision
        if field in run.training.given and field not in run.training.wrong and chosen in (precision, "auto"):
            yield Problem((*path, "training", field), f"the precision is {chosen}; set the run's own precision instead")


def check_saved_best(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that `save_strategy: best` has evaluations, and a measure by which a step is the best."""
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
    """Tell whether transformers itself loads the best step, and so fills in the measure."""
    return bool(run.training.get("load_best_model_at_end")) and find_adapter(config, path[-1]) is None


def check_packing(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that packed rows, which only their positions tell apart, are not used with what breaks that."""
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
    """Check that settings of gradient checkpointing are given only where it is on, and do not exclude each other.

    Unlike other fields, they are refused even beside a written `gradient_checkpointing: false`, as most runs have it.
    """
    given = run.training.get("gradient_checkpointing_kwargs")
    here = (*path, "training", find_written(run.training, "gradient_checkpointing_kwargs"))
    if given and not find_setting(run, "gradient_checkpointing"):
        yield Problem(here, "does nothing without gradient_checkpointing: true; write that, or null here")
    if isinstance(given, dict) and given.get("selective") and given.get("use_reentrant"):
        yield Problem(here, "selective excludes use_reentrant: true; leave that out")


def check_reference(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that `sync_ref_model` has a reference model to update: with a loss that uses one, and no adapter."""
    here = (*path, "training", "sync_ref_model")
    if run.method == "sft" or not run.training.get("sync_ref_model"):
        return
    if not find_setting(run, "beta"):
        yield Problem(here, "without beta there is no reference to bring up to date; set beta, or leave it out")
    if find_adapter(config, path[-1]) is not None:
        yield Problem(here, "an adapter's reference is the base itself, which stays as it is; leave it out")


def check_completions(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that the length of completions is limited, since a model may never end one."""
    if run.method in DRAWING and find_setting(run, "max_completion_length") is None:
        text = "must be a number of tokens, as a completion may never end by itself (got null)"
        yield Problem((*path, "training", "max_completion_length"), text)


def check_vllm(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that the bounds of vLLM's importance sampling fit together, and that only one library samples."""
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
    """Check that another sampler, to which TRL hands the weights, does not change them or the base."""
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


ADAPTER_CHECKS = (_check_budget, _check_targets, _check_layers, _check_companions, _check_start)


COMPANION_CHECKS = (
    check_precision,
    check_saved_best,
    check_packing,
    check_checkpointing,
    check_reference,
    check_completions,
    check_vllm,
    check_sampled_weights,
)
