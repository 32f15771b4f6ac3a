"""Judge a run's learning-rate schedule, optimizer and the packages that its settings need.

Each refusal stands where transformers or PEFT would raise an error when the trainer is built.
"""

from collections.abc import Iterator
from importlib.machinery import PathFinder
from typing import Any

from tunelab.config.drafts import Draft, Problem
from tunelab.config.field_classes import find_setting, load_packages
from tunelab.config.wording import refuse_choice, refuse_name, refuse_value, show

Found = Iterator[Problem]
# what a schedule takes by lr_scheduler_kwargs; a test compares it with transformers
SCHEDULES = {
    **dict.fromkeys(("constant", "constant_with_warmup", "linear"), ()),
    "cosine": ("num_cycles",),
    "cosine_with_restarts": ("num_cycles",),
    "cosine_with_min_lr": ("num_cycles", "min_lr", "min_lr_rate"),
    "cosine_warmup_with_min_lr": ("num_cycles", "min_lr", "min_lr_rate", "warmup_lr_rate"),
    "polynomial": ("lr_end", "power"),
    "inverse_sqrt": ("timescale",),
    "warmup_stable_decay": (
        *("num_decay_steps", "num_stable_steps", "warmup_type", "decay_type", "min_lr_ratio", "num_cycles"),
    ),
    "reduce_lr_on_plateau": (
        *("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps"),
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
# optimizers that work on chosen layers, and the argument that chooses them
LAYERED = ("galore", "apollo")


def check_schedule(config: Draft, path: tuple, run: Draft) -> Found:
    """See that a schedule has all that it needs, and nothing that it does not know."""
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


def _check_value(path: tuple, value: Any) -> Found:
    words = WORDS.get(path[-1], ())
    if words and value not in words:
        yield Problem(path, refuse_choice(value, words))
    elif words == () and value is not None and type(value) not in (int, float):
        yield Problem(path, refuse_value("must be a number", value))


def check_optimizer(config: Draft, path: tuple, run: Draft) -> Found:
    """See that the layers are chosen for optimizers that work on chosen layers, and for no others."""
    optimizer, here = find_setting(run, "optim"), (*path, "training", "optim_target_modules")
    layered, chosen = optimizer.startswith(LAYERED), run.training.get("optim_target_modules")
    if layered and not chosen:
        yield Problem(here, f"{optimizer} needs the names of the layers that it works on, for example [attn, mlp]")
    elif chosen and not layered:
        yield Problem(here, f"{optimizer} works on all layers alike; leave it out, or set optim to galore_adamw")


def check_packages(config: Draft, path: tuple, run: Draft) -> Found:
    """See that the packages are there which a setting asks for, beside those that every study needs."""
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
