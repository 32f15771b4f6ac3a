"""What a stage depends on besides its input files, as `name = value` facts that Snakemake can compare.

Snakemake compares params as a set of printed values, without their names, and sees neither edits of imported modules
nor upgrades of packages. So every rule lists facts: one per leaf of its config section, one per project file its
script imports (by content, not by time), one per package its result depends on.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

# these carry values and messages and compute no result; what the sections hold travels as facts of its own
DECLARATIONS = {
    *(
        f"tunelab/config/specs/{name}.py"
        for name in ("__init__", "base", "data", "evaluation", "samples", "sources", "study", "training")
    ),
    *("tunelab/errors.py", "tunelab/jobs/failures.py", "tunelab/jobs/job.py"),
    "tunelab/sources/hub.py",  # which way the Hub is reached
}


def build_facts(
    name: str, section: Any, script: Path, packages: Iterable[str] = (), modules: tuple[str, ...] = ()
) -> list[str]:
    """List a stage's facts: its config section under `name` (None has none), its script's code, package versions.

    modules: paths, from the script's folder, of what the script imports by a name that only the config knows.
    """
    facts = [] if section is None else [f"{path} = {value!r}" for path, value in flatten(name, section)]
    facts += [f"code {file} = {digest}" for file, digest in hash_sources(Path(script), modules)]
    facts += [f"package {package} = {_find_version(package)}" for package in packages]
    return facts


# looked up in the metadata of the whole environment each time
_find_version = functools.cache(version)


def flatten(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, leaf) pairs in the order of sorted keys; lists are leaves."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, dict) and value:
        for key in sorted(value):
            yield from flatten(f"{name}.{key}" if name else key, value[key])
    else:
        yield name, value


@functools.cache
def hash_sources(script: Path, modules: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """Return (file, hash) of `script`, `modules` and every project module that they import, but `DECLARATIONS`."""
    root, hashes = script.parent, {}
    todo = [script, *(root / module for module in modules)]
    while todo:
        file = todo.pop()
        name = str(file.relative_to(root))
        if name not in hashes and name not in DECLARATIONS:
            hashes[name], imported = _read_source(file, root)
            todo += imported
    return tuple(sorted(hashes.items()))


def list_project_files(file: Path, root: Path) -> tuple[str, ...]:
    """List the project's files that a file from elsewhere imports, as paths from `root`, the folder of its code."""
    return tuple(str(found.relative_to(root)) for found in _read_source(file, root)[1])


def hash_source(file: Path) -> str:
    """Return a hash of a file's syntax tree without docstrings, so that comments and layout do not count."""
    return _hash_tree(_parse_code(file)[0])


@functools.cache
def _read_source(file: Path, root: Path) -> tuple[str, tuple[Path, ...]]:
    tree, nodes = _parse_code(file)
    imported = (found for name in _list_imports(nodes) for found in _find_files(name, root))
    return _hash_tree(tree), tuple(imported)


def _hash_tree(tree: ast.Module) -> str:
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:12]


def _parse_code(file: Path) -> tuple[ast.Module, list[ast.AST]]:
    """Return a file's tree without docstrings, and all its nodes."""
    tree = ast.parse(file.read_bytes(), str(file))
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[1:] if _is_text(node.body[:1]) else node.body
    return tree, nodes


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


@functools.cache
def _find_files(name: str, root: Path) -> tuple[Path, ...]:
    """Return the files below `root` that importing `name` runs, packages' `__init__.py` included."""
    parts = name.split(".")
    stems = [root.joinpath(*parts[:end]) for end in range(1, len(parts) + 1)]
    return tuple(file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.is_file())
