"""Find numbers that YAML 1.1 reads as others than those that stand there: octal and sexagesimal ones."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from tunelab.config.documents import LOADER, is_json, walk_nodes

_MISREAD = re.compile(r"[-+]?(0[0-7_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")


def list_misread(file: Path) -> list[str]:
    """Write one line per number: `config/mine.yaml, line 12: runs.lora.training.max_steps: YAML reads 060 as 48; …`."""
    text = file.read_text(encoding="utf-8")
    if is_json(text):  # which knows no such numbers
        return []
    root = yaml.compose(text, Loader=LOADER)
    return [f"{file}, {line}" for line in _search(root)]


def _search(root: yaml.Node | None) -> Iterator[str]:
    for path, node in walk_nodes(root):
        if isinstance(node, yaml.ScalarNode) and not node.style and _MISREAD.fullmatch(node.value):
            line, read = node.start_mark.line + 1, yaml.safe_load(node.value)
            remedy = f"write {read}, or another number, or quote it"
            yield f"line {line}: {path}: YAML reads {node.value} as {read}; {remedy}"
