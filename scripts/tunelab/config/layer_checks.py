"""Judge what a run asks of its model's layers by their numbers, lists and copies, once these are known."""

import re
from collections.abc import Iterator
from typing import Any

from tunelab.config.drafts import Problem
from tunelab.config.matching import check_numbers, matches
from tunelab.config.wording import show
from tunelab.values import list_names

Found = Iterator[Problem]


def check_replication(here: tuple, adapter: dict[str, Any], parts: dict[str, Any]) -> Found:
    """See that the layers that PEFT is to put in the place of all are there, and can be put there."""
    path, spans = (*here, "layer_replication"), adapter.get("layer_replication") or ()
    if spans and parts["kinds_of_layers"]:
        text = f"a model of type {parts['model_type']} lists what each layer attends to, and PEFT leaves that list as"
        yield Problem(path, f"{text} it is; leave it out")
    beyond = [span for span in spans if span[1] > parts["layers"]]
    if beyond:
        count = parts["layers"]
        yield Problem(path, f"the model has {count} layers, so that a pair ends at {count} at most (got {beyond[0]})")


def replicate_layers(parts: dict[str, Any], adapter: dict[str, Any]) -> dict[str, Any]:
    """Return a model's parts as they are when PEFT has replicated its layers."""
    if not adapter.get("layer_replication"):
        return parts
    layers = [layer for first, end in adapter["layer_replication"] for layer in range(first, end)]
    renamed = {kind: list(_rename(parts[kind], layers)) for kind in ("modules", "parameters")}
    return parts | renamed | {"layers": len(layers)}


def _rename(names: list[str], layers: list[int]) -> Iterator[str]:
    inner: dict[int, list[tuple[str, str]]] = {}
    for name in names:
        if part := re.fullmatch(r"((?:.*?\.)?layers\.)(\d+)(.*)", name):
            inner.setdefault(int(part[2]), []).append((part[1], part[3]))
        else:
            yield name
    for place, layer in enumerate(layers):
        yield from (f"{before}{place}{after}" for before, after in inner[layer])


def check_layers(here: tuple, adapter: dict[str, Any], parts: dict[str, Any]) -> Found:
    """See that a list of target_modules is narrowed to layers that are there, by PEFT's rule."""
    yield from check_numbers((*here, "layers_to_transform"), adapter.get("layers_to_transform"), parts["layers"])
    asked = adapter.get("layers_pattern") or ()
    for one in [asked] if isinstance(asked, str) else asked:
        if not any(matches(rf"(?:.*?\.)?{one}\.\d+\..*", name) for name in parts["modules"]):
            found = (re.match(r"(?:.*\.)?([^.]+)\.\d+\.", name) for name in parts["modules"])
            lists = dict.fromkeys(part[1] for part in found if part)
            text = f"the model has no list of layers {show(one)} (it has {list_names(lists)})"
            yield Problem((*here, "layers_pattern"), text)
