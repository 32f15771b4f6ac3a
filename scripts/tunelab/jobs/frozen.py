"""Keep the study as it was planned, for the jobs of a cluster, which read the Snakefile again.

They start hours later, perhaps. They take the config from this
copy, so that an edit made in the meantime cannot reach work that was planned before it.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tunelab import records
from tunelab.errors import UserError
from tunelab.jobs import provenance
from tunelab.jobs.provenance import hash_function_file


class Plan(NamedTuple):
    """What a study is planned with.

    config: the merged config; seeds: those of each run, None for all; gpus: how many a heavy job claims; taken: what
    earlier jobs took, None for local runs.
    """

    config: dict[str, Any]
    seeds: dict[str, list[int]] | None
    gpus: int
    taken: dict[str, Any] | None


def freeze_study(plan: Plan, scripts: Path, folder: Path, functions: Iterable[str] = ()) -> Path:
    """Write the plan and a hash of all code to a file that is named by its content; return its path.

    functions: the files of the user's own functions.
    """
    frozen = {"plan": plan._asdict(), "code": _hash_code(scripts), "functions": _hash_files(functions)}
    digest = hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()[:16]
    file = folder / f"{digest}.json"
    records.write_json(file, frozen)
    return file


def load_frozen(file: Path, scripts: Path) -> Plan:
    """Return what the study was planned with.

    Raises:
        UserError: if the code is no longer the code that it was planned with.
    """
    frozen = records.read_json(file)
    now = _hash_code(scripts)
    edited = [name for name in sorted(now.keys() | frozen["code"].keys()) if now.get(name) != frozen["code"].get(name)]
    if edited:
        raise UserError(f"scripts/{edited[0]} was edited after this run was planned; start Snakemake again.")
    for name, digest in frozen["functions"].items():
        if _hash_files([name]) != {name: digest}:
            raise UserError(
                f"{name}, or a file that it names, was edited after this run was planned; start Snakemake again."
            )
    return Plan(**frozen["plan"])


def _hash_files(files: Iterable[str]) -> dict[str, str | None]:
    """Return a hash of each file, None for one that is gone or no Python any more."""
    hashes: dict[str, str | None] = dict.fromkeys(sorted(files))
    for file in hashes:
        with contextlib.suppress(OSError, SyntaxError, ValueError):
            hashes[file] = hash_function_file(Path(file))
    return hashes


def _hash_code(scripts: Path) -> dict[str, str]:
    files = sorted(scripts.rglob("*.py"))
    return {file.relative_to(scripts).as_posix(): provenance.hash_source(file) for file in files}
