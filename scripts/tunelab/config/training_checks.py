"""Check a run's training: schedule, optimizer, packages, processes, evaluations, and the batches of GRPO.

Each check stands for an error that transformers, TRL, PEFT or accelerate would raise when the trainer is built or hours
later, or for a setting that they would silently not follow. All were tried with the installed versions.
"""

import math
from collections.abc import Iterator
from importlib.machinery import PathFinder
from typing import Any

from tunelab.config.adapter_checks import ADAPTER_CHECKS, COMPANION_CHECKS
from tunelab.config.arguments import load_arguments
from tunelab.config.drafts import Draft, Problem, collect
from tunelab.config.fields import find_setting, load_packages
from tunelab.config.inert_checks import check_inert, check_keys, check_optimizer_arguments, is_read
from tunelab.config.method_checks import PREFERENCE_CHECKS
from tunelab.config.methods import METHODS, REWARDED
from tunelab.config.run_checks import find_adapter
from tunelab.config.specs.training import SHARED
from tunelab.config.wording import refuse_choice, refuse_name, refuse_value, show

Found = Iterator[Problem]
# the arguments that schedules take by lr_scheduler_kwargs; a test compares them with transformers
SCHEDULES = {
    **dict.fromkeys(("constant", "constant_with_warmup", "linear"), ()),
    "cosine": ("num_cycles",),
    "cosine_with_restarts": ("num_cycles",),
    "cosine_with_min_lr": ("num_cycles", "min_lr", "min_lr_rate"),
    "cosine_warmup_with_min_lr": ("num_cycles", "min_lr", "min_lr_rate", "warmup_lr_rate"),
    "polynomial": ("lr_end", "power"),
    "inverse_sqrt": ("timescale",),
    "warmup_stable_decay": (
        "num_decay_steps",
        "num_stable_steps",
        "warmup_type",
        "decay_type",
        "min_lr_ratio",
        "num_cycles",
    ),
    "reduce_lr_on_plateau": (
        "mode",
        "factor",
        "patience",
        "threshold",
        "threshold_mode",
        "cooldown",
        "min_lr",
        "eps",
    ),
    "greedy": (
        *("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "warmup", "min_lr", "max_lr"),
        *("eps", "verbose", "smooth", "window_size", "reset_start"),
    ),
}
SHAPES = ("linear", "cosine", "1-sqrt")
WORDS = {
    "warmup_type": SHAPES,
    "decay_type": SHAPES,
    "mode": ("min", "max"),
    "threshold_mode": ("rel", "abs"),
    "verbose": None,
    "smooth": None,
}
LAYERED = ("galore", "apollo")  # optimizers that work on chosen layers
# settings that several processes cannot follow: the values that do no harm, and why
UNFIT = {
    "accelerator_config": ((), "the workflow itself deals the batches out to them"),
    "train_sampling_strategy": (("random", "sequential"), "each of them would draw an order of its own"),
    "use_vllm": ((False,), "only transformers' own generation was tried with them"),
    "use_transformers_continuous_batching": ((False,), "only transformers' own generation was tried with them"),
}


def check_training(config: Draft, path: tuple, run: Draft) -> Found:
    """Run all checks of a run that is trained."""
    if "training" in run:
        for check in CHECKS:
            yield from collect(check(config, path, run))


def check_schedule(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that a schedule has the arguments that it needs, and no others."""
    training, here = run.training, (*path, "training", "lr_scheduler_kwargs")
    name, given = find_setting(run, "lr_scheduler_type"), training.get("lr_scheduler_kwargs") or {}
    if not isinstance(given, dict):
        yield Problem(here, refuse_value("must be a mapping", given))
        return
    for key, value in given.items():
        if key not in SCHEDULES[name]:
            yield Problem((*here, key), refuse_name(f"is nothing that the schedule {name} takes", key, SCHEDULES[name]))
        else:
            yield from _check_value((*here, key), value)
    rates = [key for key in ("min_lr", "min_lr_rate") if given.get(key) is not None]
    if name in ("cosine_with_min_lr", "cosine_warmup_with_min_lr") and len(rates) != 1:
        yield Problem(here, f"{name} needs one of min_lr and min_lr_rate" + (", not both" if rates else ""))
    if name == "warmup_stable_decay" and given.get("num_decay_steps") is None:
        yield Problem(here, f"{name} needs num_decay_steps")
    if name == "polynomial":
        rate, end = find_setting(run, "learning_rate"), given.get("lr_end", 1e-7)
        if isinstance(end, int | float) and end >= rate:
            yield Problem((*here, "lr_end"), f"must be less than learning_rate ({rate:g}; got {end:g})")


def check_optimizer(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that layers are chosen for optimizers that work on chosen layers, and for no others."""
    optimizer, here = find_setting(run, "optim"), (*path, "training", "optim_target_modules")
    layered, chosen = optimizer.startswith(LAYERED), run.training.get("optim_target_modules")
    if layered and not chosen:
        yield Problem(here, f"{optimizer} needs the names of the layers that it works on, for example [attn, mlp]")
    elif chosen and not layered:
        yield Problem(here, f"{optimizer} works on all layers alike; leave it out, or set optim to galore_adamw")


def check_packages(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that packages are installed that a setting needs, beyond those of every study."""
    adapter = run.get("adapter")
    sections = [("training", run.training), *([("adapter", adapter)] if adapter is not None else [])]
    for section, fields in sections:
        for field, modules in load_packages().items():
            given = fields.get(field) if field in fields else None
            for value in given if isinstance(given, list) else [given]:
                here, word = (*path, section, field), show(value).strip("'")
                if field == "report_to" and value is not None and word not in (*modules, "all", "none"):
                    yield Problem(here, refuse_choice(value, [*modules, "all", "none"]))
                elif word in modules and PathFinder.find_spec(modules[word]) is None:
                    yield Problem(here, f"{word} needs the package {modules[word]}, which is not installed")


def check_launch(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that several processes can share each step of a training, and deal out rows as one would."""
    if run.get("launch") is None:
        return
    if run.method == "kto":
        text = "KTO estimates the divergence from the rows of all processes, which changes what is learnt; leave it out"
        yield Problem((*path, "launch"), text)
    for name, (fit, reason) in UNFIT.items():
        if (value := run.training.get(name)) not in (None, *fit):
            text = f"cannot be used with several processes (got {show(value)}), as {reason}; leave it out"
            yield Problem((*path, "training", name), text)
    yield from _check_shares(path, run, run.launch.processes)


def _check_value(path: tuple, value: Any) -> Found:
    words = WORDS.get(path[-1], ())
    if words and value not in words:
        yield Problem(path, refuse_choice(value, words))
    elif words == () and value is not None and type(value) not in (int, float):
        yield Problem(path, refuse_value("must be a number", value))


def _check_evaluation(config: Draft, path: tuple, run: Draft) -> Found:
    evaluates, schedule = run.training.get("eval_strategy", "no"), run.training.get("lr_scheduler_type")
    if schedule in ("reduce_lr_on_plateau", "greedy") and evaluates == "no":
        text = f"{schedule} goes by evaluations; " + (
            "such a run has none, so take another" if run.method != "sft" else "set eval_strategy to steps or epoch"
        )
        yield Problem((*path, "training", "lr_scheduler_type"), text)


def _check_best_step(config: Draft, path: tuple, run: Draft) -> Found:
    if not run.training.get("load_best_model_at_end"):
        return
    here = (*path, "training", "load_best_model_at_end")
    evaluates, saves = run.training.get("eval_strategy", "no"), run.training.get("save_strategy", "steps")
    reason = "the best step of a whole model must be a saved one"
    if evaluates == "no":
        yield Problem(here, "no step is the best without evaluations; set eval_strategy to steps or epoch")
    elif (first := _find_first_evaluation(run)) > run.training.get("max_steps", -1) > 0:
        text = f"the first evaluation would be after step {first:g}, beyond max_steps; lower eval_steps or eval_delay"
        yield Problem(here, text)
    elif find_adapter(config, path[-1]) is not None:
        return  # an adapter is small, so its best weights are always kept
    elif saves not in (evaluates, "best"):
        yield Problem(here, f"save_strategy ({saves}) must equal eval_strategy ({evaluates}): {reason}")
    elif saves == evaluates == "steps":
        evaluated = run.training.get("eval_steps") or run.training.get("logging_steps", 1)
        if "save_steps" in run.training:
            saved, origin = run.training.save_steps, ""
        else:
            saved, origin = config.checkpoints.save_steps, ", from `checkpoints`"
        if saved != evaluated:
            yield Problem(here, f"save_steps ({saved:g}{origin}) must equal eval_steps ({evaluated:g}): {reason}")


def _check_shares(path: tuple, run: Draft, processes: int) -> Found:
    steps = {name: run.training.get(name) for name in SHARED if run.training.get(name)}
    steps.setdefault("gradient_accumulation_steps", find_setting(run, "gradient_accumulation_steps"))
    batch = find_setting(run, "per_device_train_batch_size")
    for name, given in steps.items():
        if given % processes:
            text = (
                f"must be a multiple of launch.processes ({processes}), each of which takes its part (got {given}). To "
                f"keep the {batch * given} rows of it, lower per_device_train_batch_size ({batch}) and raise this by "
                "the same factor"
            )
            yield Problem((*path, "training", name), text)
    generated = run.training.get("generation_batch_size")
    if run.method in REWARDED and generated and generated % (batch * processes):
        text = (
            f"must be a multiple of per_device_train_batch_size × launch.processes ({batch} × {processes}; got "
            f"{generated})"
        )
        yield Problem((*path, "training", "generation_batch_size"), text)


def _find_first_evaluation(run: Draft) -> float:
    """Return the step of the first evaluation; 0 if it is not known in steps."""
    every = run.training.get("eval_steps") or find_setting(run, "logging_steps")
    if run.training.get("eval_strategy") != "steps" or every < 1:
        return 0
    return every * max(1, math.ceil(run.training.get("eval_delay", 0) / every))


def _check_best_measure(config: Draft, path: tuple, run: Draft) -> Found:
    if run.training.get("metric_for_best_model") not in (None, "loss", "eval_loss"):
        text = "the loss on the validation rows is all that is measured; leave it out, or write loss"
        yield Problem((*path, "training", "metric_for_best_model"), text)
    if run.training.get("greater_is_better"):
        yield Problem((*path, "training", "greater_is_better"), "the best step is the one with the lowest loss")


def _check_groups(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that every generated batch has complete groups; TRL's batches count completions."""
    if run.method not in REWARDED:
        return
    here, training = (*path, "training"), run.training
    group, batch = find_setting(run, "num_generations"), find_setting(run, "per_device_train_batch_size")
    steps = training.get("steps_per_generation") or find_setting(run, "gradient_accumulation_steps")
    generated = training.get("generation_batch_size") or batch * steps
    if group is None or group < 2:
        text = refuse_value("a group needs at least 2 completions to compare", group)
        yield Problem((*here, "num_generations"), text)
    elif training.get("generation_batch_size") and training.get("steps_per_generation"):
        yield Problem((*here, "generation_batch_size"), "excludes steps_per_generation; keep one of them")
    elif generated % batch:
        text = f"must be a multiple of per_device_train_batch_size ({batch}; got {generated})"
        yield Problem((*here, "generation_batch_size"), text)
    elif generated % group:
        text = (
            f"{group} completions per question do not divide the {generated} completions of a generated batch "
            f"(per_device_train_batch_size {batch} × steps {generated // batch}); TRL counts completions, so make the "
            f"product a multiple of {group}"
        )
        yield Problem((*here, "num_generations"), text)


def _check_upper_bound(config: Draft, path: tuple, run: Draft) -> Found:
    """Check that GRPO's second bound on the ratio of probabilities is above the first."""
    if run.method != "grpo" or run.training.get("delta") is None or not is_read(run, "delta"):
        return
    least = 1 + (run.training.get("epsilon_high") or find_setting(run, "epsilon"))
    if run.training.delta <= least:
        text = f"must be greater than 1 + epsilon ({least:g}; got {run.training.delta:g}), or every step is cut off"
        yield Problem((*path, "training", "delta"), text)


def _check_only_bound(config: Draft, path: tuple, run: Draft) -> Found:
    """Check the bound of the loss cispo, which has an upper one alone; without it TRL takes the lower one instead."""
    if run.method != "grpo" or run.training.get("loss_type") != "cispo" or run.training.get("epsilon_high") is not None:
        return
    default = load_arguments()[METHODS["grpo"].config]["epsilon"]["default"]
    if run.training.get("epsilon") not in (None, default):
        text = "cispo has no lower bound, and TRL would take this for its upper one; write it as epsilon_high"
        yield Problem((*path, "training", "epsilon"), text)
    else:
        text = f"cispo needs it: TRL would hold every ratio below epsilon ({default}) instead; it recommends 5.0"
        yield Problem((*path, "training", "epsilon_high"), text)


CHECKS = (
    _check_evaluation,
    _check_best_step,
    _check_best_measure,
    _check_groups,
    _check_upper_bound,
    _check_only_bound,
    check_schedule,
    check_optimizer,
    check_packages,
    check_inert,
    check_keys,
    check_optimizer_arguments,
    *COMPANION_CHECKS,
    *ADAPTER_CHECKS,
    *PREFERENCE_CHECKS,
    check_launch,
)
