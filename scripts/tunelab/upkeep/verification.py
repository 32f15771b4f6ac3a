"""Compare every artefact with the provenance cards of its study, and two results folders of the same study."""

import csv
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.errors import UserError
from tunelab.jobs.checkout import run_git
from tunelab.upkeep.result_files import list_cards, list_files, read_card
from tunelab.values import list_names


@dataclass
class Findings:
    """How many cards and files were compared, and one line for every file that differs."""

    cards: int = 0
    files: int = 0
    lines: list[str] = field(default_factory=list)


def verify_studies(studies: list[Path]) -> Findings:
    """Compare the files of these studies, and the inputs that they were made from, with the cards."""
    findings = Findings()
    cards = _read_cards([path for study in studies for path in list_cards(study)], findings)
    findings.cards = len(cards)
    # a file that two cards claim was made by the later job
    made = {path: card for card in sorted(cards, key=lambda card: card["finished"]) for path in card["outputs"]}
    present = [path.as_posix() for study in studies for path in list_files(study)]
    used = {path for card in cards for path in card["inputs"]}
    hashes = _hash_files({*made, *used})
    findings.files = len({*made, *present})
    differing = set()
    for path, card in sorted(made.items()):
        if hashes[path] != card["outputs"][path]:
            differing.add(path)
            what = "changed since it was made" if hashes[path] else "missing; it was made"
            findings.lines.append(f"{path}: {what} by {_name_job(card)}")
    findings.lines += [f"{path}: no card tells what made it" for path in sorted(set(present) - set(made))]
    for card in cards:
        findings.lines += _compare_inputs(card, hashes, differing)
    return findings


def _read_cards(paths: list[Path], findings: Findings) -> list[dict]:
    cards = []
    for path in paths:
        try:
            cards.append(read_card(path))
        except UserError as error:
            findings.lines.append(str(error))
    return cards


def _hash_files(paths: set[str]) -> dict[str, str | None]:
    """Return the files' hashes, None for missing ones; in threads, since hashing releases Python's lock."""
    with ThreadPoolExecutor() as threads:
        return dict(zip(paths, threads.map(_hash_file, paths), strict=True))


def _hash_file(path: str) -> str | None:
    return records.hash_file(Path(path)) if Path(path).is_file() else None


def _compare_inputs(card: dict, hashes: dict[str, str | None], differing: set[str]) -> list[str]:
    """Say which inputs are another version than the job used, except those already named themselves."""
    other = [
        path for path, digest in sorted(card["inputs"].items()) if hashes[path] != digest and path not in differing
    ]
    if not other:
        return []
    made, others = (
        list_names(paths, quoted=False, most=1) for paths in (sorted(card["outputs"]) or [_name_job(card)], other)
    )
    return [f"{made}: made from another version of {others}{'' if hashes[other[0]] else ', now gone'}"]


def _name_job(card: dict) -> str:
    return " ".join([card["rule"], *card["wildcards"].values()])


def summarise_findings(findings: Findings) -> str:
    """Summarise in a sentence what was compared and how much differs."""
    looked = f"Files compared: {findings.files}, with cards: {findings.cards}; "
    if not findings.lines:
        return f"{looked}all are what the cards say."
    return f"{looked}{len(findings.lines)} {'differs' if len(findings.lines) == 1 else 'differ'}."


# The same study made twice, in fresh clones: all files must be the same but for timings.


# fields about time or memory, at any depth, in files that hold other fields, too
TIMINGS = {
    "history.jsonl": {"seconds", "step_time", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second"},
    "training.json": {"train_seconds", "tokens_per_second", "peak_memory_bytes"},
    "generation.json": {"seconds"},
    "summary.json": {"seconds"},
    "results.json": {"seconds", "utilisation"},
    "consumed.csv": {"seconds", "alone_seconds", "utilisation"},
    "cost.csv": {"train_seconds", "chain_train_seconds", "tokens_per_second", "peak_memory_bytes"},
}
# TensorBoard's events are full of times, two figures have seconds on an axis, and the page shows both
LEFT_OUT = ("events.out.tfevents.*", "costs.*", "learning_curves.*", "report.html")


def clone_checkout(checkout: Path, target: Path) -> None:
    """Clone the current commit.

    Raises:
        UserError: if this is no git checkout, or git is missing.
    """
    _git(checkout, "clone", "--quiet", str(checkout), str(target))


def describe_checkout(checkout: Path) -> str:
    """Name the commit that a clone holds, and the uncommitted files that it does not hold."""
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
    """Run a study with this Python; what Snakemake prints goes to `snakemake.log` in the folder."""
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--configfile", *map(str, configfile)]
    log = folder / "snakemake.log"
    with open(log, "w", encoding="utf-8") as printed:
        done = subprocess.run(command, cwd=folder, stdout=printed, stderr=subprocess.STDOUT)
    if done.returncode:
        raise UserError(f"the study did not come to its end in {folder}; {log} says why.")


def compare_studies(first: Path, second: Path) -> dict[str, dict[str, bool]]:
    """Return, by file name (`metrics.json`) and path, whether each file is the same in two results folders."""
    names = {path.relative_to(folder) for folder in (first, second) for path in list_files(folder)}
    compared: dict[str, dict[str, bool]] = {}
    for name in sorted(names):
        if not any(name.match(pattern) for pattern in LEFT_OUT):
            same = _read_content(first / name) == _read_content(second / name)
            compared.setdefault(name.name, {})[name.as_posix()] = same
    return compared


def _read_content(file: Path) -> Any:
    """Return a file's hash, or its content without timings; None if it is missing."""
    if not file.is_file():
        return None
    drop = TIMINGS.get(file.name)
    if not drop:
        return records.hash_file(file)
    return _leave_out(_read_rows(file), drop)


def _leave_out(content: Any, names: set[str]) -> Any:
    """Return lists and mappings without the fields of these names."""
    if isinstance(content, list):
        return [_leave_out(item, names) for item in content]
    if isinstance(content, dict):
        return {name: _leave_out(value, names) for name, value in content.items() if name not in names}
    return content


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
    """Tell whether any file differs, or there are none at all."""
    return not compared or not all(same for files in compared.values() for same in files.values())
