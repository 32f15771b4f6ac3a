"""Find numbers that YAML 1.1 reads as others than those that stand there: octal and sexagesimal ones."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

_MISREAD = re.compile(r"[-+]?(0[0-7_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")


def list_misread(file: Path) -> list[str]:
    """Write one line per number: `config/mine.yaml, line 12: runs.lora.training.max_steps: YAML reads 060 as 48; …`."""
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:  # JSON indented with tabs, which knows no such numbers
        return []
    return [f"{file}, {text}" for text in _search(root, "", set())]


def _search(node: yaml.Node | None, path: str, seen: set[int]) -> Iterator[str]:
    if id(node) in seen:  # an alias stands for the very node of its anchor
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _search(item, f"{path}[{index}]", seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _search(value, f"{path}.{key.value}".removeprefix("."), seen)
    elif isinstance(node, yaml.ScalarNode) and not node.style and _MISREAD.fullmatch(node.value):
        line, read = node.start_mark.line + 1, yaml.safe_load(node.value)
        yield f"line {line}: {path}: YAML reads {node.value} as {read}; write {read}, or another number, or quote it"
