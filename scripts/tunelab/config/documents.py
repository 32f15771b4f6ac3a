"""Read one file of the config as Snakemake reads it: as JSON if it is that, which tabs may indent, else as YAML."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tunelab.config.yaml_errors import explain_yaml
from tunelab.errors import UserError
from tunelab.values import shorten

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_document(file: Path) -> dict[str, Any]:
    """Return what a file of the config holds.

    Raises:
        UserError: if it is not there, is neither JSON nor YAML, or holds no mapping.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); name an overlay that exists{_hint(file)}."
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}: line {line} is not UTF-8; save the file as UTF-8 text.") from None
    try:
        content = parse_document(text)
    except (yaml.YAMLError, ValueError):
        raise UserError(f"{file} is not YAML: {explain_yaml(text)}.") from None
    if not isinstance(content, dict):
        raise UserError(f"{file} must hold keys and values, like config/config.yaml (got {shorten(content)}).")
    return content


def _hint(file: Path) -> str:
    """Name the file that may be meant by the name of a study."""
    meant = Path("config", file.name).with_suffix(".yaml")
    return f", such as {meant}" if meant.is_file() and meant != file else ""


def check_typed(values: dict[str, Any]) -> None:
    """Refuse what the command line says (`--config`) as a list or mapping that is none; Snakemake takes it for a text.

    Raises:
        UserError: naming the value.
    """
    for key, value in values.items():
        if isinstance(value, str) and value.startswith(("{", "[")):
            raise UserError(f"--config {key}={shorten(value)} is not YAML: {explain_yaml(value)}.")


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
