"""Provenance cards: what made an artefact, from what, when and where; one per job, beside its log and benchmark.

A card is no output for Snakemake, because it holds times. `make verify` and `make plan` read it.
"""

import hashlib
import os
import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.errors import UserError
from tunelab.jobs import provenance
from tunelab.jobs.checkout import run_git
from tunelab.jobs.provenance import hash_function_file

SPENT = ("started", "finished", "seconds", "cpu_seconds", "peak_memory_bytes", "threads", "host")
TIMESTAMP = ".snakemake_timestamp"  # Snakemake puts it into folders that are outputs


def card_file(log: str | Path) -> Path:
    """Return the place of the card of the job with this log: `results/logs/a/b.log` → `results/cards/a/b.json`."""
    parts = list(Path(log).parts)
    parts[len(parts) - 1 - parts[::-1].index("logs")] = "cards"
    return Path(*parts).with_suffix(".json")


class Attempt:
    """One job from start to end: what it depends on, and its card when its outputs exist.

    Raises:
        UserError: if the code on disk is no longer what Snakemake planned the job with.
    """

    def __init__(self, job: Any) -> None:
        self._job, self._clock, self._started = job, time.monotonic(), _now()
        self._facts = list(job.params.facts)
        _check_code(self._facts)
        _check_functions(self._facts, dict(job.params.items()).get("functions") or {})
        self._states = {str(path): _state(path) for path in job.input}
        self._inputs = {path: records.hash_file(path) for path in self._states}
        self._commit = _describe_commit()
        self.key = build_key(job, self._facts, self._inputs)

    def finish(self) -> dict:
        """Write and return the card of the job; its outputs exist.

        Raises:
            UserError: if an input was edited while the job read it.
        """
        for path, state in self._states.items():
            # only the time may differ: a kept file has one for all its names, and Snakemake sets it
            if _state(path) != state and records.hash_file(path) != self._inputs[path]:
                raise UserError(f"{path} was changed while this job used it, so its result is not kept; run again.")
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return self._write(
            started=self._started,
            finished=_now(),
            seconds=round(time.monotonic() - self._clock, 2),
            cpu_seconds=round(sum(one.ru_utime + one.ru_stime for one in used), 2),
            peak_memory_bytes=max(one.ru_maxrss for one in used) * (1 if sys.platform == "darwin" else 1024),
            threads=self._job.threads,
            host=platform.node(),
            reused_from=None,
        )

    def reuse(self, earlier: dict) -> dict:
        """Write the card of a job that reused the results of an equal earlier one, with that one's costs."""
        spent = {name: earlier[name] for name in SPENT}
        return self._write(**spent, reused_from=earlier["finished"])

    def _write(self, **spent: Any) -> dict:
        card = {
            "rule": self._job.rule,
            "wildcards": dict(self._job.wildcards.items()),
            "facts": self._facts,
            "inputs": self._inputs,
            "outputs": hash_outputs(self._job.output),
            "key": self.key,
            "platform": platform.platform(),
            "python": platform.python_version(),
            **self._commit,
            **spent,
        }
        records.write_json(card_file(self._job.log[0]), card)
        return card


def build_key(job: Any, facts: list[str], inputs: dict[str, str]) -> str:
    """Return a hash of everything that decides the job's outputs; names of runs and tasks do not."""
    digest = hashlib.sha256(job.rule.encode())
    for fact in sorted(_drop_names(fact, job.wildcards) for fact in facts):
        digest.update(b"\0" + fact.encode())
    for name, paths in job.input.items():
        for path in [paths] if isinstance(paths, str) else paths:
            digest.update(f"\0{name}\0{inputs[str(path)]}".encode())
    return digest.hexdigest()[:16]


def hash_outputs(outputs: Any) -> dict[str, str]:
    """Return the sha256 of every output file, those inside output folders included."""
    files = []
    for path in map(Path, outputs):
        files += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return {file.as_posix(): records.hash_file(file) for file in files if file.name != TIMESTAMP}


def _check_code(facts: list[str]) -> None:
    scripts = Path(__file__).parents[2]
    for fact in facts:
        name, _, digest = fact.removeprefix("code ").partition(" = ")
        if fact.startswith("code ") and provenance.hash_source(scripts / name) != digest:
            raise UserError(f"scripts/{name} was edited after this run was planned; start Snakemake again.")


def _check_functions(facts: list[str], functions: dict[str, dict[str, str]]) -> None:
    """Check the same for files of the user's own functions, which facts identify by content."""
    planned = {fact.partition(" = ")[2] for fact in facts}
    for file in {file for part in functions.values() for file in part.values()}:
        if repr(hash_function_file(Path(file))) not in planned:
            raise UserError(
                f"{file}, or a file that it names, was edited after this run was planned; start Snakemake again."
            )


def _drop_names(fact: str, wildcards: Any) -> str:
    """Turn `runs.lora.adapter.r = 8` of the run `lora` into `runs.adapter.r = 8`."""
    name, separator, value = fact.partition(" = ")
    for wildcard in dict(wildcards.items()).values():
        section, _, rest = name.partition(f".{wildcard}")
        if rest.startswith(".") and "." not in section:
            name = section + rest
    return name + separator + value


def _describe_commit() -> dict:
    """Return the checkout's commit and whether tracked files differ from it; null outside a git checkout."""
    folder = Path(__file__).parents[3]
    try:
        commit = run_git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(run_git(folder, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _state(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size
