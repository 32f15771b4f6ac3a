"""A copy of the project in which a study can be run without its libraries doing any work."""

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from snakemake.utils import update_config

from tests import forks
from tunelab.jobs import provenance

PROJECT = Path(__file__).parents[1]


def copy_project(target: Path) -> Path:
    """Copy what a clone would hold, uncommitted files included, without the tests, and what its code says."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if not name.startswith("tests/") and (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, target / name)
    _read_all_code()
    (target / provenance.MEMORY).parent.mkdir()
    with contextlib.chdir(target):
        provenance.remember_code()
    return target


@functools.cache
def _read_all_code() -> None:
    """Read once what each copy would read anew when something is planned in it for the first time."""
    for file in (PROJECT / "scripts").rglob("*.py"):
        provenance.read_code(file)


def run_snakemake(folder: Path, *arguments: str, python: str | Path = sys.executable, **environment: str) -> str:
    """Run Snakemake as people do and return all that it prints; `python` starts it."""
    inherited = {name: value for name, value in os.environ.items() if name not in forks.SET_FOR_TESTS}
    done = subprocess.run(
        [str(python), "-m", "snakemake", *arguments],
        cwd=folder,
        env=inherited | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def plan(folder: Path, *arguments: str, **environment: str) -> set[str]:
    """List the jobs that Snakemake would run, each as its rule and wildcards: `train_sft lora 1`."""
    printed = dry_run(folder, *arguments, **environment)
    jobs = []
    for block in re.split(r"\n(?=(?:local)?rule )|\n(?=Job stats)", "\n" + printed):
        if rule := re.match(r"(?:local)?rule (\w+):", block):
            wildcards = re.search(r"^    wildcards: (.*)$", block, re.MULTILINE)
            values = [pair.split("=")[1] for pair in wildcards[1].split(", ")] if wildcards else []
            jobs.append(" ".join([rule[1], *values]))
    total = re.search(r"^total +(\d+)$", printed, re.MULTILINE)
    assert len(set(jobs)) == len(jobs) == (int(total[1]) if total else 0)
    assert jobs or "Nothing to be done" in printed
    return set(jobs)


def dry_run(folder: Path, *arguments: str, **environment: str) -> str:
    """Return what `snakemake --dry-run` prints."""
    return _expect_success(call_snakemake(folder, "--dry-run", "--cores=1", *arguments, **environment))


def call_snakemake(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run Snakemake in a fork, for what starts no job; return its exit code and all that it prints."""
    return forks.read_python(folder, "-m", "snakemake", *arguments, **environment)


def run_stubs(folder: Path, *arguments: str) -> str:
    """Run Snakemake with jobs that only write the names of their outputs into them; return what it prints."""
    return _expect_success(forks.read_python(folder, str(PROJECT / "tests/stubbed_snakemake.py"), *arguments))


def fail_stubs(folder: Path, *failing: str, goal: str = "all") -> str:
    """Run the default study with stubs of which these fail, named as `plan` names them; return what it prints."""
    program = str(PROJECT / "tests/stubbed_snakemake.py")
    environment = {"TUNELAB_TEST_FAILING_JOBS": "; ".join(failing)}
    code, printed = forks.read_python(folder, program, "--cores", "2", "--", goal, **environment)
    assert code == 1, printed[-4000:]
    return printed


def run_forks(folder: Path, *arguments: str, **environment: str) -> str:
    """Run Snakemake with every job's own script, in forks of one process; return what it prints."""
    program = str(PROJECT / "tests/forked_snakemake.py")
    return _expect_success(forks.read_python(folder, program, *arguments, loaded=forks.LIBRARIES, **environment))


def _expect_success(done: tuple[int, str]) -> str:
    code, printed = done
    assert code == 0, printed[-4000:]
    return printed


@contextlib.contextmanager
def put_back(path: Path) -> Iterator[str]:
    """Yield a file's text, and afterwards put the file back as it was, with its times."""
    before, state = path.read_text(encoding="utf-8"), path.stat()
    try:
        yield before
    finally:
        path.write_text(before, encoding="utf-8")
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


@contextlib.contextmanager
def changed_file(path: Path, old: str, new: str, count: int = 1) -> Iterator[None]:
    """Replace a text that occurs `count` times in a file, for the block."""
    with put_back(path) as before:
        assert before.count(old) == count, f"{path.name} has {before.count(old)} × {old!r}"
        path.write_text(before.replace(old, new), encoding="utf-8")
        yield


@contextlib.contextmanager
def appended(path: Path, text: str) -> Iterator[None]:
    """Add a text to the end of a file, for the block."""
    with put_back(path) as before:
        path.write_text(before + text, encoding="utf-8")
        yield


@contextlib.contextmanager
def changed_config(folder: Path, overlay: dict, name: str = "config/config.yaml") -> Iterator[None]:
    """Merge an overlay into a config file as Snakemake does, written anew by a YAML library."""
    path = folder / name
    with put_back(path) as before:
        config = yaml.safe_load(before)
        update_config(config, overlay)
        path.write_text(yaml.safe_dump(config, sort_keys=True, allow_unicode=True), encoding="utf-8")
        yield
