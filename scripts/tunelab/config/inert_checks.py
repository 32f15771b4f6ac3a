"""Find settings that do nothing as they stand: without another one beside them, or in the place where they are.

An overlay cannot take a field away, so a field whose switch is turned off in writing is let be.
"""

from collections.abc import Iterator
from typing import Any

from tunelab.config.arguments import load_arguments
from tunelab.config.drafts import Draft, Problem
from tunelab.config.field_classes import (
    QUANTIZATION,
    TRAINERS,
    asks_for_nothing,
    find_setting,
    load_classes,
    load_packages,
)
from tunelab.config.wording import refuse_name, show

Found = Iterator[Problem]
# what optimizers of installed packages take by optim_args; a test compares it with transformers
OPTIM_ARGS = {
    "adagrad": ("lr_decay", "weight_decay", "eps"),
    "rmsprop": ("momentum", "alpha", "eps", "weight_decay", "centered"),
    "sgd": ("momentum", "dampening", "weight_decay", "nesterov"),
    **dict.fromkeys(
        ("ademamix", "ademamix_8bit", "paged_ademamix_32bit", "paged_ademamix_8bit"),
        ("beta1", "beta2", "beta3", "alpha", "eps", "t_alpha", "t_beta3"),
    ),
}
# the keys that mappings among the trainers' fields take; a test compares them with the libraries
KEYS = {
    "accelerator_config": (
        *("split_batches", "dispatch_batches", "even_batches", "use_seedable_sampler", "non_blocking"),
        *("gradient_accumulation_kwargs", "use_configured_state"),
    ),
    **dict.fromkeys(
        ("gradient_checkpointing_kwargs", "activation_checkpointing_kwargs"),
        ("use_reentrant", "preserve_rng_state", "determinism_check", "debug", "early_stop", "selective"),
    ),
}


def check_inert(config: Draft, path: tuple, run: Draft) -> Found:
    """See that each field that needs another one has it."""
    adapter, quantization = run.get("adapter"), run.get("quantization")
    sections = [("training", run.training, TRAINERS[run.method])]
    sections += [("adapter", adapter, adapter.peft_type)] if adapter is not None else []
    if quantization is not None and (quantization.get("load_in_4bit") or quantization.get("load_in_8bit")):
        sections.append(("quantization", quantization, QUANTIZATION))
    for section, fields, class_name in sections:
        for name, need in load_classes(class_name).needs.items():
            known = load_arguments()[class_name]
            if name in fields.right and not asks_for_nothing(known[name], fields.right[name]):
                yield from _check_need((*path, section, name), fields, need, known)


def _check_need(path: tuple, fields: Draft, need: str, known: dict[str, Any]) -> Found:
    switch, _, wanted = need.partition(": ")
    value = fields.get(switch, known[switch].get("default"))
    on = wanted in (value if isinstance(value, list) else [value]) if wanted else value not in (None, False, 0, "no")
    if not on and (wanted or switch not in fields):
        yield Problem(path, f"does nothing without {_name_switch(switch, wanted, known)}; write that, or leave it out")


def _name_switch(switch: str, wanted: str, known: dict[str, Any]) -> str:
    if wanted:
        return f"{switch}: {wanted}"
    return f"{switch}: true" if "bool" in known[switch]["types"] else switch


def check_keys(config: Draft, path: tuple, run: Draft) -> Found:
    """See that mappings for other libraries have no key that these do not take."""
    for field, known in KEYS.items():
        given = run.training.get(field)
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                text = refuse_name("is nothing that can be set there", key, known)
                yield Problem((*path, "training", field, key), text)


def check_optimizer_arguments(config: Draft, path: tuple, run: Draft) -> Found:
    """See that optim_args are some, and that the optimizer reads them."""
    given, optimizer, here = (
        run.training.get("optim_args"),
        find_setting(run, "optim"),
        (*path, "training", "optim_args"),
    )
    if not given:
        return
    pairs = [pair.partition("=")[::2] for pair in given.replace(" ", "").split(",")]
    if any(not name or not value for name, value in pairs):
        yield Problem(here, f"must be pairs such as momentum=0.9, with commas between them (got {show(given)})")
    elif optimizer in OPTIM_ARGS:
        known = OPTIM_ARGS[optimizer]
        for name in [name for name, _ in pairs if name not in known]:
            yield Problem(here, refuse_name(f"{optimizer} takes no {show(name)}", name, known))
    elif optimizer not in load_packages()["optim"]:
        yield Problem(
            here, f"{optimizer} reads none (Adam's are adam_beta1, adam_beta2 and adam_epsilon); leave it out"
        )
