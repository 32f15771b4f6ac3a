"""Make a study twice from fresh clones and compare all that it writes, timings aside."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.errors import UserError
from tunelab.jobs.checkout import run_git
from tunelab.upkeep.studyfolders import list_files

# what says how long something took, how much memory, or when, in files that say more than that
TIMINGS = {
    "history.jsonl": {"seconds", "step_time", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second"},
    "training.json": {"train_seconds", "tokens_per_second", "peak_memory_bytes"},
    "generation.json": {"seconds"},
    "cost.csv": {"train_seconds", "chain_train_seconds", "tokens_per_second", "peak_memory_bytes"},
}
# TensorBoard's events are full of times, two figures are drawn over seconds, and the page shows both
LEFT_OUT = ("events.out.tfevents.*", "costs.*", "learning_curves.*", "report.html")


def clone_checkout(checkout: Path, target: Path) -> None:
    """Clone the current commit.

    Raises:
        UserError: if that is not possible, because this is no git checkout.
    """
    _git(checkout, "clone", "--quiet", str(checkout), str(target))


def describe_checkout(checkout: Path) -> str:
    """Name the commit that a clone holds, and what it does not hold."""
    commit = _git(checkout, "rev-parse", "--short=12", "HEAD")
    changed = _git(checkout, "status", "--porcelain").splitlines()
    if not changed:
        return f"commit {commit}"
    return f"commit {commit}, WITHOUT {len(changed)} files that are changed here and not committed ({changed[0][3:]} …)"


def _git(folder: Path, *arguments: str) -> str:
    try:
        return run_git(folder, *arguments)
    except FileNotFoundError:
        raise UserError("git is not installed; it is needed for fresh clones of the checkout.") from None
    except subprocess.CalledProcessError as error:
        raise UserError(f"git {arguments[0]}: {error.stderr.strip()}; run this in a git checkout.") from None


def run_study(folder: Path, configfile: list[Path]) -> None:
    """Run a study with this very Python; what Snakemake prints goes to `snakemake.log` in the folder."""
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--configfile", *map(str, configfile)]
    log = folder / "snakemake.log"
    with open(log, "w", encoding="utf-8") as printed:
        done = subprocess.run(command, cwd=folder, stdout=printed, stderr=subprocess.STDOUT)
    if done.returncode:
        raise UserError(f"the study did not come to its end in {folder}; {log} says why.")


def compare_studies(first: Path, second: Path) -> dict[str, dict[str, bool]]:
    """Tell for every file of two results folders whether it is the same in both, by its name (`metrics.json`)."""
    names = {path.relative_to(folder) for folder in (first, second) for path in list_files(folder)}
    compared: dict[str, dict[str, bool]] = {}
    for name in sorted(names):
        if not any(name.match(pattern) for pattern in LEFT_OUT):
            same = _read_content(first / name) == _read_content(second / name)
            compared.setdefault(name.name, {})[name.as_posix()] = same
    return compared


def _read_content(file: Path) -> Any:
    """Return a file's hash, or its content without timings; None if it is not there."""
    if not file.is_file():
        return None
    drop = TIMINGS.get(file.name)
    if not drop:
        return records.hash_file(file)
    return [{name: value for name, value in row.items() if name not in drop} for row in _read_rows(file)]


def _read_rows(file: Path) -> list[dict]:
    if file.suffix == ".csv":
        with open(file, encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))
    return records.read_jsonl(file) if file.suffix == ".jsonl" else [records.read_json(file)]


def render_comparison(compared: dict[str, dict[str, bool]]) -> str:
    """Render one line per kind of file, the differing files under it, and a sentence."""
    lines = []
    for name, files in compared.items():
        aside = ", timings aside" if name in TIMINGS else ""
        differing = [path for path, same in files.items() if not same]
        verdict = f"{len(differing)} of {len(files)} differ" if differing else "identical"
        lines += [f"{name:<32} {len(files):>3}   {verdict}{aside}", *(f"    differs: {path}" for path in differing)]
    count = sum(len(files) for files in compared.values())
    others = sum(not same for files in compared.values() for same in files.values())
    end = f"{others} of {count} files differ." if others else f"Identical: all {count} files."
    return "\n".join([*lines, f"{end} Not compared, because they are full of times: {', '.join(LEFT_OUT)}."])


def differ(compared: dict[str, dict[str, bool]]) -> bool:
    """Tell whether a file differs, or there is none at all."""
    return not compared or not all(same for files in compared.values() for same in files.values())
