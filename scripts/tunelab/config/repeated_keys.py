"""Find keys that stand twice in one mapping of a file, which YAML and JSON take without a word, keeping the last."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tunelab.config.documents import LOADER, is_json, walk_nodes


class _Pairs(list):
    """An object of JSON as its keys and values in order, the repeated ones too."""


def list_repeated_keys(file: Path) -> list[str]:
    """Write one line per repeated key: `config/mine.yaml, line 12: runs.lora stands in line 5 already; …`.

    JSON's reader knows no lines.
    """
    text = file.read_text(encoding="utf-8")
    if is_json(text):
        return [f"{file}: {line}" for line in _search_json(json.loads(text, object_pairs_hook=_Pairs), "")]
    return [f"{file}, {line}" for line in _search_yaml(yaml.compose(text, Loader=LOADER))]


def _search_json(value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, _Pairs):
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield from _search_json(item, f"{path}[{index}]")
        return
    seen = set()
    for key, item in value:
        here = f"{path}.{key}".removeprefix(".")
        if key in seen:
            yield f"{here} stands there before already; JSON keeps only the last, so drop one"
        seen.add(key)
        yield from _search_json(item, here)


def _search_yaml(root: yaml.Node | None) -> Iterator[str]:
    for path, node in walk_nodes(root):
        lines: dict[str, int] = {}
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else []:
            here, line = f"{path}.{key.value}".removeprefix("."), key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                yield f"line {line}: {here} stands in line {first} already; YAML keeps only the last, so drop one"
            lines[key.value] = line
