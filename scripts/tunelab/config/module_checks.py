"""Check a run's settings against the parts of its model: modules, layers, tokens, attention.

`inspect_model` lists the parts after the model was fetched. PEFT silently leaves out what a list names and a model does
not have.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from tunelab.config.drafts import Problem
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.wording import find_nearest, show
from tunelab.values import list_names

Found = Iterator[Problem]
FIELDS = ("token_indices", "trainable_token_indices", "alora_invocation_tokens")
# types whose prompt stands before the embedded tokens
PROMPTS = ("PROMPT_TUNING", "P_TUNING")
# fields that list modules by the ends of their names; all but the last may be a pattern for complete names instead
LISTS = ("target_modules", "exclude_modules", "feedforward_modules", "modules_to_save")


def check_targets(
    run: str,
    adapter: dict[str, Any] | None,
    training: dict[str, Any],
    parts: dict[str, Any],
    quantization: dict[str, Any] | None = None,
) -> Found:
    """Compare a trained run with the parts of its model.

    Args:
        adapter: the one that the run adds itself; None for full fine-tuning, or with `init_from`.
        parts: from `models.inspection.list_parts`.
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


def is_meant(name: str | None, asked: Any) -> bool:
    """Tell whether a setting names a module as PEFT reads it: by the end of its name, or by a pattern for all of it."""
    if name is None or asked is None or asked == "all-linear":
        return False
    if isinstance(asked, str):
        return matches(asked, name)
    return any(name == one or name.endswith(f".{one}") for one in asked)


def matches(pattern: str, name: str) -> bool:
    """Tell whether a pattern matches a complete name; an invalid one, which other checks report, matches nothing."""
    with contextlib.suppress(re.error):
        return re.fullmatch(pattern, name) is not None
    return False


def check_numbers(path: tuple, asked: Any, count: int) -> Iterator[Problem]:
    """Check that numbers of layers or tokens, one or a list, are below `count`."""
    numbers: Iterable = [asked] if isinstance(asked, int) else asked if isinstance(asked, list) else ()
    beyond = [number for number in numbers if isinstance(number, int) and not 0 <= number < count]
    if beyond:
        yield Problem(path, f"the model has {count}, numbered from 0 (got {list_names(map(str, beyond))})")


def check_replication(here: tuple, adapter: dict[str, Any], parts: dict[str, Any]) -> Found:
    """Check that `layer_replication` names layers of the model, and a model whose layers can be replicated."""
    path, spans = (*here, "layer_replication"), adapter.get("layer_replication") or ()
    if spans and parts["kinds_of_layers"]:
        text = f"a model of type {parts['model_type']} lists what each layer attends to, and PEFT leaves that list as"
        yield Problem(path, f"{text} it is; leave it out")
    beyond = [span for span in spans if span[1] > parts["layers"]]
    if beyond:
        count = parts["layers"]
        yield Problem(path, f"the model has {count} layers, so that a pair ends at {count} at most (got {beyond[0]})")


def replicate_layers(parts: dict[str, Any], adapter: dict[str, Any]) -> dict[str, Any]:
    """Return the model's parts after PEFT has replicated its layers."""
    if not adapter.get("layer_replication"):
        return parts
    layers = [layer for first, end in adapter["layer_replication"] for layer in range(first, end)]
    renamed = {kind: list(_rename(parts[kind], layers)) for kind in ("modules", "parameters")}
    return parts | renamed | {"layers": len(layers)}


def check_layers(here: tuple, adapter: dict[str, Any], parts: dict[str, Any]) -> Found:
    """Check that target_modules are narrowed to layers that the model has, by PEFT's rule."""
    yield from check_numbers((*here, "layers_to_transform"), adapter.get("layers_to_transform"), parts["layers"])
    asked = adapter.get("layers_pattern") or ()
    for one in [asked] if isinstance(asked, str) else asked:
        if not any(matches(rf"(?:.*?\.)?{one}\.\d+\..*", name) for name in parts["modules"]):
            found = (re.match(r"(?:.*\.)?([^.]+)\.\d+\.", name) for name in parts["modules"])
            lists = dict.fromkeys(part[1] for part in found if part)
            text = f"the model has no list of layers {show(one)} (it has {list_names(lists)})"
            yield Problem((*here, "layers_pattern"), text)


def check_patterns(here: tuple, adapter: dict[str, Any], adapted: list[str]) -> Found:
    """Check that each key of a mapping such as rank_pattern matches an adapted module, by PEFT's rule."""
    fields = [field for field, value in adapter.items() if field.endswith("_pattern") and isinstance(value, dict)]
    for path in [(*here, field, key) for field in fields for key in adapter[field]]:
        try:
            found = any(re.match(rf"(.*\.)?({path[-1]})$", name) for name in adapted)
        except re.error as error:
            yield Problem(path, f"is no pattern that names can be matched with ({error})")
            continue
        if not found:
            yield Problem(path, "meets no module that the adapter is put on, so that it would do nothing")


def check_tokens(here: tuple, adapter: dict[str, Any], parts: dict[str, Any]) -> Found:
    """Check that named tokens are in the vocabulary, and that trained ones count in TRL's losses."""
    for field in FIELDS:
        asked = adapter.get(field)
        lists = {(field, name): one for name, one in asked.items()} if isinstance(asked, dict) else {(field,): asked}
        for path, numbers in lists.items():
            yield from check_numbers((*here, *path), numbers, parts["vocabulary"])
    table, named = parts["embedding"], adapter.get("trainable_token_indices")
    if adapter["peft_type"] == "TRAINABLE_TOKENS":
        yield from _check_table((*here, "target_modules"), adapter.get("target_modules"), parts)
        yield from _check_head((*here, "peft_type"), parts)
    elif named:
        for name in named if isinstance(named, dict) else ():
            yield from _check_table((*here, "trainable_token_indices", name), [name], parts)
        yield from _check_head((*here, "trainable_token_indices"), parts)
    if adapter["peft_type"] in PROMPTS and is_meant(table, adapter.get("modules_to_save")):
        text = f"beside a prompt, PEFT embeds all tokens by {table} as it was fetched, so that a trained one would do"
        yield Problem((*here, "modules_to_save"), f"{text} nothing; leave it out")


def _rename(names: list[str], layers: list[int]) -> Iterator[str]:
    inner: dict[int, list[tuple[str, str]]] = {}
    for name in names:
        if part := re.fullmatch(r"((?:.*?\.)?layers\.)(\d+)(.*)", name):
            inner.setdefault(int(part[2]), []).append((part[1], part[3]))
        else:
            yield name
    for place, layer in enumerate(layers):
        yield from (f"{before}{place}{after}" for before, after in inner[layer])


def _check_table(path: tuple, asked: Any, parts: dict[str, Any]) -> Found:
    """Check that tokens are trained in the embedding alone: TRL cannot train those of the output layer."""
    others = [name for name in parts["modules"] if name != parts["embedding"] and is_meant(name, asked)]
    if others or asked == "all-linear":
        text = f"tokens can be trained in {parts['embedding']} alone (got {show(others[0] if others else asked)})"
        yield Problem(path, f"{text}; name that, or name the module in modules_to_save, which trains all of it")


def _check_head(path: tuple, parts: dict[str, Any]) -> Found:
    """Check that the output layer is not tied: TRL reads its weights without an adapter's changes of single rows."""
    if parts["tied"]:
        text = f"the output layer of this model shares the rows of {parts['embedding']}, and TRL would learn from rows"
        yield Problem(path, f"{text} that are not trained; name {parts['embedding']} in modules_to_save instead")


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


def _meets_one(asked: Any, one: Any, modules: list[str]) -> bool:
    return any(is_meant(name, one if isinstance(asked, str) else [one]) for name in modules)
