"""What a stage depends on besides its input files, as `name = value` facts that Snakemake can compare.

Snakemake compares params as a set of printed values, without their names, and sees neither edits of imported modules
nor upgrades of packages. So every rule lists facts: one per leaf of its config section, one per project file its
script imports (by content, not by time), one per package its result depends on.
"""

import functools
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tunelab.jobs.code_hashes import read_code

# these carry values and messages and compute no result; what the sections hold travels as facts of its own
DECLARATIONS = {
    *(
        f"tunelab/config/specs/{name}.py"
        for name in ("__init__", "base", "data", "evaluation", "samples", "sources", "study", "training")
    ),
    *("tunelab/errors.py", "tunelab/jobs/failures.py", "tunelab/jobs/job.py"),
    *("tunelab/sources/hub.py", "tunelab/sources/proxies.py"),  # which way the Hub is reached
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
    todo = [script.name, *modules]
    while todo:
        name = todo.pop()
        if name not in hashes and name not in DECLARATIONS:
            hashes[name], imported = _read_source(root / name, root)
            todo += imported
    return tuple(sorted(hashes.items()))


def list_project_files(file: Path, root: Path) -> tuple[str, ...]:
    """List the project's files that a file from elsewhere imports, as paths from `root`, the folder of its code."""
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
