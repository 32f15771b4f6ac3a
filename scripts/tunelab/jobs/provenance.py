"""What a stage depends on besides its input files, as facts (`name = value`) that Snakemake compares.

Snakemake itself sees neither edits of imported modules nor upgrades of packages. So every rule lists facts: one per
leaf of its config section, one per project file its script imports (by content, not by time), one per package that its
result depends on. `snakemake_internals.compare_facts_alone` makes Snakemake compare them one by one.
"""

import ast
import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from tunelab import records

# Code: a hash of a Python file without comments, layout and docstrings, and the names that it imports. Parsing is slow
# and every start of Snakemake needs all files, so what was found is stored by the sha256 of the file.


MEMORY = Path(".snakemake/code.json")


class Code(NamedTuple):
    digest: str
    imports: list[str]


def read_code(file: Path) -> Code:
    """Return the hash and the imports of a Python file.

    Raises:
        OSError: if it cannot be read; SyntaxError, ValueError: if it is no Python.
    """
    content, known = file.read_bytes(), _recall()
    key = hashlib.sha256(content).hexdigest()
    if key not in known:
        known[key] = list(_parse(content, str(file)))
    return Code(*known[key])


def remember_code() -> None:
    """Store what was parsed for later processes."""
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
    """Return what is stored by a file's sha256: nothing if another parser wrote it, or if the store is damaged."""
    try:
        memory = records.read_json(MEMORY)
        return memory["files"] if memory["by"] == _name_parser() else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _name_parser() -> str:
    """Name what decides what is found: this file, and Python's version, since syntax trees differ between versions."""
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
    """Yield the full names of everything that absolute imports name: modules, or what is in them."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# Files of the user's own functions: their code, and the files that are named in their texts. A file name that is put
# together at run time is not seen.


def hash_function_file(file: Path) -> str:
    """Return a hash of a file's code and of the contents of the files that it names, whatever their place.

    Raises:
        OSError: if it cannot be read; SyntaxError, ValueError: if it is no Python.
    """
    digest, contents = hash_source(file), sorted(records.hash_file(path) for path in list_read(file))
    return hashlib.sha256(" ".join([digest, *contents]).encode()).hexdigest()[:12] if contents else digest


def list_read(file: Path) -> set[str]:
    """List the files that a Python file's texts name, relative to it, to a named folder, or to the working one."""
    texts = {
        node.value
        for node in ast.walk(ast.parse(file.read_bytes(), str(file)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value
    }
    return {os.path.realpath(path) for path in _find(file.parent, texts)} - {os.path.realpath(file)}


def _find(folder: Path, texts: set[str]) -> Iterator[Path]:
    whole = [place / os.path.expanduser(text) for place, text in product((folder, Path()), texts)]
    inside = [path / text for path, text in product(filter(os.path.isdir, whole), texts)]
    yield from filter(os.path.isfile, [*whole, *inside])


# these pass on values and messages and compute no result; the config's values are facts themselves
DECLARATIONS = {
    *(
        f"tunelab/config/specs/{name}.py"
        for name in (
            "__init__",
            "base",
            "data",
            "evaluation",
            "samples",
            "sources",
            "study",
            "training",
            "trajectory",
            "tuning",
        )
    ),
    *("tunelab/errors.py", "tunelab/jobs/failures.py", "tunelab/jobs/job.py"),
    *("tunelab/sources/hub.py", "tunelab/sources/hub.py"),  # which way the Hub is reached
}


class Facts(list[str]):
    """What a job depends on, as texts `name = value`; its class tells it from params of other workflows."""


def build_facts(
    name: str, section: Any, script: Path, packages: Iterable[str] = (), modules: tuple[str, ...] = ()
) -> Facts:
    """List a stage's facts: its config section under `name` (None: none), its script's code, package versions.

    modules: paths, from the script's folder, of what the script imports by a name that only the config knows.
    """
    leaves = () if section is None else flatten(name, section)
    return Facts(
        [
            *(f"{path} = {value!r}" for path, value in leaves),
            *(f"code {file} = {digest}" for file, digest in hash_sources(Path(script), modules)),
            *(f"package {package} = {_find_version(package)}" for package in packages),
        ]
    )


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
    todo = [script.name, *modules]
    while todo:
        name = todo.pop()
        if name not in hashes and name not in DECLARATIONS:
            hashes[name], imported = _read_source(root / name, root)
            todo += imported
    return tuple(sorted(hashes.items()))


def list_project_files(file: Path, root: Path) -> tuple[str, ...]:
    """List the project's files that a user's file imports, as paths from `root`, the project's folder of code."""
    return _read_source(file, root)[1]


def hash_source(file: Path) -> str:
    """Return a hash of a file's syntax tree without docstrings, so that comments and layout do not count."""
    return read_code(file).digest


@functools.cache
def _read_source(file: Path, root: Path) -> tuple[str, tuple[str, ...]]:
    code = read_code(file)
    return code.digest, tuple(found for name in code.imports for found in _find_files(name, root))


@functools.cache
def _find_files(name: str, root: Path) -> tuple[str, ...]:
    """Return the files below `root` that importing `name` runs, packages' `__init__.py` included."""
    parts = name.split(".")
    stems = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return tuple(file for stem in stems for file in (f"{stem}.py", f"{stem}/__init__.py") if (root / file).is_file())
