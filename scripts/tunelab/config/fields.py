"""The fields of TRL's, PEFT's and bitsandbytes' configs: handed on, set by the workflow, or refused.

`fields.toml` says so for every field of the pinned versions; a contract test fails when a library adds one.
"""

import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tunelab.config.arguments import check_arguments, is_choice, load_arguments
from tunelab.config.drafts import Draft, Problem
from tunelab.config.methods import DRAWING, METHODS, PREFERENCES
from tunelab.config.peft_types import PROMPT_LEARNING
from tunelab.config.wording import refuse_choice, refuse_value, show
from tunelab.values import list_names

FILE = Path(__file__).with_name("fields.toml")
QUANTIZATION = "BitsAndBytesConfig"
# fields without which no model can be built, although PEFT has defaults for them
REQUIRED = dict.fromkeys(PROMPT_LEARNING, ("num_virtual_tokens",)) | {
    "ADALORA": ("total_step",),
    "TRAINABLE_TOKENS": ("token_indices",),
}


class Classes(NamedTuple):
    """The fields of one config class; each field is in one of the first three."""

    passed: frozenset[str]
    set: dict[str, str]  # field → where the workflow decides it
    refused: dict[str, str]  # field → why, and what to do instead
    never: dict[str, dict[str, str]]  # passed field → value → why it is refused
    needs: dict[str, Any]  # passed field → settings under which it is read: all of a mapping, one mapping of a list
    same: dict[str, str]  # second name of a passed field → its first name
    going: dict[str, str]  # passed field, or `field: value`, that a library will remove → when, and what replaces it
    called: dict[str, str]  # name in other versions and programs → the field, or what to do instead


@functools.cache
def load_unsupported() -> dict[str, str]:
    """Return {PEFT type: why no run can train it}."""
    return _load_table()["unsupported"]


@functools.cache
def load_classes(class_name: str) -> Classes:
    """Return the fields of a config class: those that all classes of its kind share, and its own."""
    shared = {QUANTIZATION: ()} | {method.config: ("trainers",) for method in METHODS.values()}
    shared |= {METHODS[name].config: ("trainers", "preferences") for name in PREFERENCES}
    shared |= {METHODS[name].config: ("trainers", "sampling") for name in DRAWING}
    tables = [_load_table().get(name, {}) for name in (*shared.get(class_name, ("adapters",)), class_name)]
    known = load_arguments()[class_name]
    passed = frozenset(name for table in tables for name in table.get("passed", ()) if name in known)
    kinds = [
        {name: text for table in tables for name, text in table.get(kind, {}).items() if find_field(name) in known}
        for kind in ("set", "refused", "never", "needs", "same", "going")
    ]
    called = {name: text for table in tables for name, text in table.get("called", {}).items() if name not in known}
    return Classes(passed, *kinds, called)


def find_field(name: str) -> str:
    """Return the field's name in `field`, `field.key` or `field: value`."""
    return name.partition(": ")[0].partition(".")[0]


def list_refused(class_name: str, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (field, message) for each given field, or value, that no config may set."""
    classes, known = load_classes(class_name), load_arguments()[class_name]
    for name, value in values.items():
        if name in known and not asks_for_nothing(known[name], value):
            if name in classes.set:
                yield name, f"is set by the workflow: {classes.set[name]}"
            elif name in classes.refused:
                yield name, f"is refused: {classes.refused[name]}"
        word = show(value).strip("'")
        for choice, text in classes.never.get(name, {}).items():
            if is_choice(word, choice):
                yield name, f"{word} is refused: {text}"


def list_set(class_name: str) -> set[str]:
    """Return the fields that are never handed on to the library."""
    return {*load_classes(class_name).set, *load_classes(class_name).refused}


def asks_for_nothing(field: dict[str, Any], value: Any) -> bool:
    """Tell whether a value is the library's default, or as empty as a default that is empty."""
    default = field.get("default")
    same = type(value) is type(default) and value == default
    return same or (not value and not default) or (isinstance(value, str) and value.lower() == show(default))


def check_fields(config: Draft, path: tuple, run: Draft) -> Iterator[Problem]:
    """Check all fields of a run's `training`, `adapter` and `quantization`, and turn these into drafts."""
    if run.right.get("training") is not None:
        yield from _check_training(path, run)
    if run.right.get("adapter") is not None:
        yield from _check_adapter((*path, "adapter"), run)
    if run.right.get("quantization") is not None:
        yield from _check_class((*path, "quantization"), run, QUANTIZATION)


def find_setting(run: Draft | dict[str, Any], name: str) -> Any:
    """Return a trained run's value of a trainer's field, or the library's default; None if it has no such field."""
    default = load_arguments()[METHODS[run["method"]].config].get(name, {}).get("default")
    return run["training"].get(name, default)


def find_written(fields: Draft, name: str) -> str:
    """Return the name by which the config gives a field, its first or second one."""
    names = (name, *(second for second, first in _load_table()["trainers"]["same"].items() if first == name))
    return next((written for written in names if written in fields.given), name)


@functools.cache
def load_packages() -> dict[str, dict[str, str]]:
    """Return {field: {value: module that it needs}} for packages that are not always installed."""
    return _load_table()["packages"]


@functools.cache
def _load_table() -> dict[str, dict]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def _check_training(path: tuple, run: Draft) -> Iterator[Problem]:
    if "method" in run.wrong:
        run.wrong.add("training")  # the method decides which fields there are
    else:
        yield from _check_class((*path, "training"), run, METHODS[run.method].config)


def _check_adapter(path: tuple, run: Draft) -> Iterator[Problem]:
    fields = dict(run.adapter)
    unsupported = load_unsupported()
    kinds = sorted({name for name in load_arguments() if name.isupper()} - set(unsupported))
    if fields.get("peft_type") not in kinds:
        run.wrong.add("adapter")
        if "peft_type" not in fields:
            text = f"is required, for example LORA; known are {list_names(kinds, quoted=False)}"
        elif isinstance(fields["peft_type"], str) and fields["peft_type"] in unsupported:
            text = f"{fields['peft_type']} is refused: {unsupported[fields['peft_type']]}; take another type"
        else:
            text = refuse_choice(fields["peft_type"], kinds)
        yield Problem((*path, "peft_type"), text)
        return
    kind, text = fields["peft_type"], fields.pop("init_text", None)
    yield from _check_class(path, run, kind, fields)
    adapter = run.adapter
    for field in REQUIRED.get(kind, ()):
        if field not in adapter:
            yield Problem((*path, field), f"is required for {kind}")
    if adapter.right.get("task_type", "CAUSAL_LM") != "CAUSAL_LM":
        demand = "must be CAUSAL_LM, the one task here; leave it out"
        yield Problem((*path, "task_type"), refuse_value(demand, adapter.task_type))
    if text is not None:
        adapter.right["init_text"] = text
        yield from _check_init_text((*path, "init_text"), adapter)


def _check_init_text(path: tuple, adapter: Draft) -> Iterator[Problem]:
    if not isinstance(adapter.init_text, str) or not adapter.init_text.strip():
        yield Problem(path, refuse_value("must be text that is not blank", adapter.init_text, text_wanted=True))
    if adapter.peft_type != "PREFIX_TUNING" or adapter.get("prefix_projection") or adapter.get("init_weights"):
        yield Problem(path, "only for PREFIX_TUNING without prefix_projection and init_weights")


def _check_class(path: tuple, run: Draft, class_name: str, fields: dict | None = None) -> Iterator[Problem]:
    section = path[-1]
    given = run[section] if fields is None else fields
    refused = dict(list_refused(class_name, given))
    draft, problems = check_arguments(class_name, given, refused, load_classes(class_name).called)
    # a field that the workflow sets is never handed on, even if it is given with the library's default
    draft.right = {name: value for name, value in draft.right.items() if name not in list_set(class_name)}
    problems += _take_second_names(draft, load_classes(class_name).same)
    run.right[section] = draft
    yield from (Problem((*path, field), text) for field, text in problems)


def _take_second_names(draft: Draft, same: dict[str, str]) -> list[tuple[str, str]]:
    """Rename fields that are given by a second name, so that later checks need to know one name only."""
    problems = []
    for second, name in same.items():
        if second in draft.wrong:
            draft.wrong.add(name)
        elif (value := draft.right.pop(second, None)) is not None:
            if name in draft.given:
                problems.append((second, f"is another name of {name}, which is given too; write that alone"))
            draft.right.setdefault(name, value)
    return problems
