"""Find keys that stand twice in one mapping of a YAML file, which YAML takes without a word, keeping the last."""

from collections.abc import Iterator
from pathlib import Path

import yaml


def list_repeated_keys(file: Path) -> list[str]:
    """Write one line per repeated key: `config/mine.yaml, line 12: runs.lora stands in line 5 already; …`."""
    root = yaml.compose(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return [f"{file}, {text}" for text in _search(root, "", set())]


def _search(node: yaml.Node | None, path: str, seen: set[int]) -> Iterator[str]:
    if id(node) in seen:  # an alias stands for the very node of its anchor
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _search(item, f"{path}[{index}]", seen)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        here, line = f"{path}.{key.value}".removeprefix("."), key.start_mark.line + 1
        if key.value in lines:
            first = lines[key.value]
            yield f"line {line}: {here} stands in line {first} already; YAML keeps only the last, so drop one"
        lines[key.value] = line
        yield from _search(value, here, seen)
