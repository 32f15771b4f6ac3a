"""What a Python file says: a hash of it without comments, layout and docstrings, and the names that it imports.

Both follow from the file's bytes, and are remembered by them: every start of Snakemake asks for all files of the
project, and every job for those that it runs, and to parse them takes longer than to read what was found before.
"""

import ast
import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tunelab import records

MEMORY = Path(".snakemake/code.json")


class Code(NamedTuple):
    digest: str
    imports: list[str]


def read_code(file: Path) -> Code:
    """Return what a Python file says.

    Raises:
        OSError: if it cannot be read; SyntaxError, ValueError: if it is no Python.
    """
    content, known = file.read_bytes(), _recall()
    key = hashlib.sha256(content).hexdigest()
    if key not in known:
        known[key] = list(_parse(content, str(file)))
    return Code(*known[key])


def remember_code() -> None:
    """Keep what was read for the processes that come after this one."""
    before = _load()
    if _recall().keys() <= before.keys():
        return
    with contextlib.suppress(OSError):  # where nothing can be written, every process reads for itself
        own = MEMORY.with_name(f"{MEMORY.name}.{os.getpid()}")  # another Snakemake may do so at this moment
        records.write_json(own, {"by": _name_parser(), "files": before | _recall()})
        own.replace(MEMORY)


@functools.cache
def _recall() -> dict[str, list]:
    return _load()


def _load() -> dict[str, list]:
    """Return what is remembered by a file's sha256: nothing if another parser read it, or if the memory is damaged."""
    try:
        memory = records.read_json(MEMORY)
        return memory["files"] if memory["by"] == _name_parser() else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _name_parser() -> str:
    """Name what decides what is read: this file, and Python's version, by which trees are printed in other ways."""
    return f"{records.hash_file(Path(__file__))} {sys.version}"


def _parse(content: bytes, name: str) -> Code:
    tree = ast.parse(content, name)
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[1:] if _is_text(node.body[:1]) else node.body
    return Code(hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:12], list(_list_imports(nodes)))


def _is_text(statements: list[ast.stmt]) -> bool:
    return bool(
        statements
        and isinstance(statements[0], ast.Expr)
        and isinstance(statements[0].value, ast.Constant)
        and isinstance(statements[0].value.value, str)
    )


def _list_imports(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield the full names of what absolute imports name, modules or what they hold."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
