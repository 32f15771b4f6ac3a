"""Judge what a run asks of a model's own parts, once these are known: modules, layers, tokens, windows of attention.

`inspect_model` lists them after the model was fetched. PEFT leaves out in silence what a list names and a model lacks.
"""

import re
from collections.abc import Iterator
from typing import Any

from tunelab.config.drafts import Problem
from tunelab.config.layer_checks import check_layers, check_replication, replicate_layers
from tunelab.config.matching import is_meant
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.token_checks import check_tokens
from tunelab.config.wording import find_nearest, show
from tunelab.values import list_names

Found = Iterator[Problem]
# fields that list modules by the ends of their names; each is a text to match whole names with as well, but the last
LISTS = ("target_modules", "exclude_modules", "feedforward_modules", "modules_to_save")


def check_targets(
    run: str,
    adapter: dict[str, Any] | None,
    training: dict[str, Any],
    parts: dict[str, Any],
    quantization: dict[str, Any] | None = None,
) -> Found:
    """Compare a trained run with `parts`, as `models.inspection.list_parts` gives them.

    adapter: the one that the run adds to the model itself; None for a whole model, or one that goes on from a start.
    """
    for name in (quantization or {}).get("llm_int8_skip_modules") or ():
        if not any(module.startswith(name) or module.endswith(name) for module in parts["modules"]):
            here = ("runs", run, "quantization", "llm_int8_skip_modules")
            yield Problem(here, _refuse_missing([name], parts["modules"]))
    if training.get("router_aux_loss_coef") and not parts["routed"]:
        text = f"a model of type {parts['model_type']} routes no tokens to experts; leave it out"
        yield Problem(("runs", run, "training", "router_aux_loss_coef"), text)
    if adapter is None:
        return
    here = ("runs", run, "adapter")
    if adapter["peft_type"] in PROMPT_LEARNING and parts["window"]:
        text = (
            f"tokens of this model see the {parts['window']} before them alone, so that a prefix or prompt would fall "
            "out of sight; take another adapter, such as LORA"
        )
        yield Problem((*here, "peft_type"), text)
    misplaced = list(check_replication(here, adapter, parts))
    if misplaced:
        yield from misplaced
        return
    parts = replicate_layers(parts, adapter)
    for field in LISTS:
        yield from _check_names((*here, field), adapter.get(field), parts["modules"])
    yield from _check_names((*here, "target_parameters"), adapter.get("target_parameters"), parts["parameters"])
    targets = adapter.get("target_modules")
    adapted = [name for name in parts["modules"] if targets in (None, "all-linear") or is_meant(name, targets)]
    yield from check_patterns(here, adapter, adapted)
    if is_meant(parts["head"], targets):
        text = f"TRL cannot train an adapter on {parts['head']}; name it in modules_to_save instead"
        yield Problem((*here, "target_modules"), text)
    yield from check_layers(here, adapter, parts)
    yield from check_tokens(here, adapter, parts)


def _check_names(path: tuple, asked: Any, modules: list[str]) -> Found:
    if asked is None or asked == "all-linear":
        return
    try:
        re.compile(asked if isinstance(asked, str) else "")
    except re.error as error:
        yield Problem(path, f"is no pattern that names can be matched with ({error}; got {show(asked)})")
        return
    missing = [one for one in ([asked] if isinstance(asked, str) else asked) if not _meets_one(asked, one, modules)]
    if missing:
        if isinstance(asked, str) and any(is_meant(name, [asked]) for name in modules):
            yield Problem(
                path, f"is a pattern for whole names (got {show(asked)}); for the end of names write [{asked}]"
            )
        else:
            yield Problem(path, _refuse_missing(missing, modules))


def _refuse_missing(missing: list[str], modules: list[str]) -> str:
    ends = list(dict.fromkeys(name.rsplit(".", 1)[-1] for name in modules))
    ends = [end for end in ends if not end.isdigit()]
    nearest = find_nearest(missing[0], ends)
    known = f"did you mean {nearest}?" if nearest else f"it has {list_names(ends)}"
    return f"the model has no module {list_names(missing)} ({known})"


def check_patterns(here: tuple, adapter: dict[str, Any], adapted: list[str]) -> Found:
    """See that each key of a mapping such as rank_pattern meets one of the adapted modules, by PEFT's rule."""
    fields = [field for field, value in adapter.items() if field.endswith("_pattern") and isinstance(value, dict)]
    for path in [(*here, field, key) for field in fields for key in adapter[field]]:
        try:
            found = any(re.match(rf"(.*\.)?({path[-1]})$", name) for name in adapted)
        except re.error as error:
            yield Problem(path, f"is no pattern that names can be matched with ({error})")
            continue
        if not found:
            yield Problem(path, "meets no module that the adapter is put on, so that it would do nothing")


def _meets_one(asked: Any, one: Any, modules: list[str]) -> bool:
    return any(is_meant(name, one if isinstance(asked, str) else [one]) for name in modules)
