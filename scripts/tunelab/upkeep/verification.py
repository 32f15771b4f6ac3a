"""Hash every artefact again and compare it with the provenance cards of its study."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tunelab import records
from tunelab.errors import UserError
from tunelab.upkeep.studyfolders import list_cards, list_files, read_card


@dataclass
class Findings:
    """What was looked at, and one line for every file that differs."""

    cards: int = 0
    files: int = 0
    lines: list[str] = field(default_factory=list)


def verify_studies(studies: list[Path]) -> Findings:
    """Compare the files of these studies, and what they were made from, with the cards."""
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
    """Return the files' hashes, None for those that are not there; threads, since hashing leaves Python's lock."""
    with ThreadPoolExecutor() as threads:
        return dict(zip(paths, threads.map(_hash_file, paths), strict=True))


def _hash_file(path: str) -> str | None:
    return records.hash_file(Path(path)) if Path(path).is_file() else None


def _compare_inputs(card: dict, hashes: dict[str, str | None], differing: set[str]) -> list[str]:
    """Say which inputs are another version than the job used, but for those named already for themselves."""
    other = [
        path for path, digest in sorted(card["inputs"].items()) if hashes[path] != digest and path not in differing
    ]
    if not other:
        return []
    made = _list_some(sorted(card["outputs"]) or [_name_job(card)])
    return [f"{made}: made from another version of {_list_some(other)}{'' if hashes[other[0]] else ', now gone'}"]


def _list_some(paths: list[str]) -> str:
    return f"{paths[0]} and {len(paths) - 1} more" if len(paths) > 1 else paths[0]


def _name_job(card: dict) -> str:
    return " ".join([card["rule"], *card["wildcards"].values()])


def summarise_findings(findings: Findings) -> str:
    """Say in a sentence what was looked at and how much differs."""
    looked = f"Files compared: {findings.files}, with cards: {findings.cards}; "
    if not findings.lines:
        return f"{looked}all are what the cards say."
    return f"{looked}{len(findings.lines)} {'differs' if len(findings.lines) == 1 else 'differ'}."
