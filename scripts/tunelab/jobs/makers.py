"""Describe which rule makes each kind of file: its script, and what it reads and writes."""

import re
from collections.abc import Iterable
from typing import Any

NOTHING = "(?!)"  # the constraint of wildcards where a study has no job of a rule
_CONSTRAINT = re.compile(r"\{(\w+),[^{}]*\}")


def describe_rules(rules: Iterable[Any]) -> list[dict]:
    """Describe the rules of which a study has jobs, in the order of the workflow.

    rules: Snakemake's own (`workflow.rules`). Files keep their wildcards. Of an input that a function
    returns, only the name is known.
    """
    return [
        {
            "rule": rule.name,
            "script": str(rule.script).removeprefix("../"),
            "inputs": [_describe_input(name, files) for name, files in rule.input.items() if callable(files) or files],
            "outputs": [_CONSTRAINT.sub(r"{\1}", str(file)) for file in rule.output],
        }
        for rule in rules
        if rule.script
        and any(callable(files) or files for files in rule.input)
        and not any(NOTHING in str(file) for file in rule.output)
    ]


def list_shown(described: list[dict]) -> dict[str, dict[str, Any]]:
    """Return, by rule, what a page that shows the rules depends on, whatever runs a study has."""
    return {
        rule["rule"]: {
            "script": rule["script"],
            "inputs": [part["name"] for part in rule["inputs"]],
            "outputs": rule["outputs"],
        }
        for rule in described
    }


def _describe_input(name: str, files: Any) -> dict:
    if callable(files):
        return {"name": name, "file": None, "more": 0}
    first, *others = [files] if isinstance(files, str) else files
    return {"name": name, "file": _CONSTRAINT.sub(r"{\1}", str(first)), "more": len(others)}


def find_makers(described: list[dict], file: str) -> list[str]:
    """Name the rules that write a file; its name may hold wildcards, as theirs do."""
    return [rule["rule"] for rule in described if any(_fits(output, file) for output in rule["outputs"])]


def _fits(pattern: str, file: str) -> bool:
    parts = [re.escape(part) for part in re.split(r"\{\w+\}", pattern)]
    return pattern == file or re.fullmatch("[^/]+".join(parts), file) is not None
