"""Read one file of the config as Snakemake reads it: as JSON if it is that, which tabs may indent, else as YAML."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tunelab.errors import UserError
from tunelab.values import shorten

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_document(file: Path) -> dict[str, Any]:
    """Return what a file of the config holds.

    Raises:
        UserError: if it is not there, is neither JSON nor YAML, or holds no mapping.
    """
    try:
        content = parse_document(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}); name an overlay that exists.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not YAML: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(content, dict):
        raise UserError(f"{file} must hold keys and values, like config/config.yaml (got {shorten(content)}).")
    return content


def parse_document(text: str) -> Any:
    return json.loads(text) if is_json(text) else yaml.load(text, Loader=LOADER)


def restore_nulls(value: Any) -> Any:
    """Return what the command line says (`--config`) with YAML's words for null as null; Snakemake hands on texts."""
    if isinstance(value, dict):
        return {key: restore_nulls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restore_nulls(item) for item in value]
    return None if value in ("null", "Null", "NULL", "~") else value


def walk_nodes(node: yaml.Node | None, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, yaml.Node]]:
    """Yield each node of a YAML document with its path, `runs.lora[0]`; an alias is the very node of its anchor."""
    seen = set() if seen is None else seen
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    yield path, node
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from walk_nodes(item, f"{path}[{index}]", seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from walk_nodes(value, f"{path}.{key.value}".removeprefix("."), seen)


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
