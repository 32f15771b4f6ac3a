"""Say in words what changed between the facts that made a result and the facts of now (see `jobs.provenance`)."""

import ast
import contextlib
import json
from collections.abc import Iterable

VALUE_WIDTH = 40
SECTION_LIMIT = 3  # settings of one section that came or went are named one by one up to this number
FILES_LIMIT = 3


def describe_changes(before: Iterable[str], now: Iterable[str]) -> list[str]:
    """List what differs, settings first: `runs.lora.adapter.r: 8 → 16`, packages, then code."""
    old, new = (_read_facts(set(facts) - set(others)) for facts, others in ((before, now), (now, before)))
    names = list(dict.fromkeys([*old, *new]))
    code = [name.removeprefix("code ") for name in names if name.startswith("code ")]
    packages = [name for name in names if name.startswith("package ")]
    settings = [name for name in names if name not in packages and not name.startswith("code ")]
    return [
        *_describe_settings(old, new, sorted(settings)),
        *(f"{name}: {old.get(name, 'none')} → {new.get(name, 'none')}" for name in sorted(packages)),
        *_describe_code(sorted(code)),
    ]


def read_params(printed: Iterable[str]) -> list[str]:
    """Take the texts out of params as Snakemake records them, which is printed."""
    return [ast.literal_eval(text) for text in printed if text[:1] in ("'", '"')]


def _read_facts(facts: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (fact.partition(" = ") for fact in facts) if name}


def _describe_settings(old: dict, new: dict, names: list[str]) -> list[str]:
    changed = [name for name in names if name in old and name in new]
    return [
        *(_describe_setting(name, old[name], new[name]) for name in changed),
        *_describe_one_sided([name for name in names if name not in old], new, "not set → {value}", "new settings"),
        *_describe_one_sided([name for name in names if name not in new], old, "{value} → not set", "settings gone"),
    ]


def _describe_setting(name: str, old: str, new: str) -> str:
    before, after = render_value(old), render_value(new)
    return f"{name}: {before} → {after}" if before != after else f"{name} was edited"


def _describe_one_sided(names: list[str], values: dict, pattern: str, noun: str) -> list[str]:
    """Name settings that only one side has; a whole section of them, like a run's, becomes one sentence."""
    sections: dict[str, list[str]] = {}
    for name in names:
        sections.setdefault(".".join(name.split(".")[:2]), []).append(name)
    lines = []
    for section, members in sections.items():
        if len(members) > SECTION_LIMIT:
            lines.append(f"{section}: {len(members)} {noun}")
        else:
            lines += [f"{name}: {pattern.format(value=render_value(values[name]))}" for name in members]
    return lines


def _describe_code(files: list[str]) -> list[str]:
    if not files:
        return []
    more = f" and {len(files) - FILES_LIMIT} more files" if len(files) > FILES_LIMIT else ""
    verb = "was" if len(files) == 1 else "were"
    return [f"{', '.join(files[:FILES_LIMIT])}{more} {verb} edited"]


def render_value(text: str) -> str:
    """Write a fact's value as one would type it in YAML, shortened to `VALUE_WIDTH`."""
    with contextlib.suppress(ValueError, SyntaxError):  # nan and inf have no literal
        text = json.dumps(ast.literal_eval(text), ensure_ascii=False)
    return text if len(text) <= VALUE_WIDTH else f"{text[: VALUE_WIDTH - 1]}…"
