"""Judge what contradicts what within a run's training: its length, its evaluations and the batches of GRPO.

What the libraries refuse, or take and fail with hours later, was read in and tried with the installed versions.
"""

import math
from collections.abc import Iterator

from tunelab.config.adapter_checks import ADAPTER_CHECKS
from tunelab.config.arguments import load_arguments
from tunelab.config.companion_checks import COMPANION_CHECKS
from tunelab.config.drafts import Draft, Problem, collect
from tunelab.config.field_classes import find_setting
from tunelab.config.inert_checks import check_inert, check_keys, check_optimizer_arguments, is_read
from tunelab.config.launch_checks import check_launch
from tunelab.config.methods import METHODS, REWARDED
from tunelab.config.preference_checks import PREFERENCE_CHECKS
from tunelab.config.run_checks import find_adapter
from tunelab.config.schedule_checks import check_optimizer, check_packages, check_schedule
from tunelab.config.wording import refuse_value

Found = Iterator[Problem]


def check_training(config: Draft, path: tuple, run: Draft) -> Found:
    """Make all checks of this module on a run that is trained."""
    if "training" in run:
        for check in CHECKS:
            yield from collect(check(config, path, run))


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
        return  # an adapter is small: its best weights are kept beside, whatever is saved
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


def _find_first_evaluation(run: Draft) -> float:
    """Return the step after which the first evaluation is due, as far as that is known in steps, or else 0."""
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
    """TRL's batches count completions, and every generated batch must hold whole groups."""
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
    """GRPO's second bound cuts the ratio of probabilities off above what the first clips it to."""
    if run.method != "grpo" or run.training.get("delta") is None or not is_read(run, "delta"):
        return
    least = 1 + (run.training.get("epsilon_high") or find_setting(run, "epsilon"))
    if run.training.delta <= least:
        text = f"must be greater than 1 + epsilon ({least:g}; got {run.training.delta:g}), or every step is cut off"
        yield Problem((*path, "training", "delta"), text)


def _check_only_bound(config: Draft, path: tuple, run: Draft) -> Found:
    """The loss cispo has an upper bound alone, for which TRL takes the lower one where it is missing."""
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
    *(_check_evaluation, _check_best_step, _check_best_measure, _check_groups, _check_upper_bound),
    _check_only_bound,
    *(check_schedule, check_optimizer, check_packages, check_inert, check_keys, check_optimizer_arguments),
    *(*COMPANION_CHECKS, *ADAPTER_CHECKS, *PREFERENCE_CHECKS, check_launch),
)
