"""What jobs took last time: from provenance cards, or from Snakemake's benchmark files where there is no card."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tunelab import records
from tunelab.jobs.jobcards import card_file
from tunelab.reporting.notation import format_bytes, format_seconds
from tunelab.upkeep.studyfolders import read_card

MEBIBYTE = 2**20  # benchmark files count memory in it


@dataclass(frozen=True)
class Spending:
    """Time and memory of one job; `guessed` when it is the middle of other jobs of the same rule."""

    seconds: float
    peak_memory_bytes: float
    guessed: bool = False


def find_spending(jobs: Iterable[tuple[str, str, str | None]]) -> dict[str, Spending | None]:
    """Return what each job took, by its log; a job that never ran is judged by its rule's other jobs.

    jobs: each one's rule, log and benchmark file.
    """
    rules, own = {}, {}
    for rule, log, benchmark in jobs:
        rules[log], own[log] = rule, load_spending(log, benchmark)
    known: dict[str, list[Spending]] = {}
    for log, found in own.items():
        if found:
            known.setdefault(rules[log], []).append(found)
    return {log: found or guess_spending(known.get(rules[log], [])) for log, found in own.items()}


def load_spending(log: str, benchmark: str | None) -> Spending | None:
    """Return what the job with this log took when it really ran, or None if nothing tells."""
    card = card_file(log)
    if card.is_file():
        found = read_card(card)
        return Spending(found["seconds"], found["peak_memory_bytes"])
    if benchmark and Path(benchmark).is_file():
        *_, last = records.read_jsonl(Path(benchmark))
        if last["max_rss"] != "NA":  # the job was over before Snakemake looked
            return Spending(last["s"], last["max_rss"] * MEBIBYTE)
    return None


def guess_spending(known: Iterable[Spending]) -> Spending | None:
    """Return the middle time and the highest memory of other jobs of the same rule."""
    known = list(known)
    if not known:
        return None
    seconds = statistics.median(job.seconds for job in known)
    return Spending(seconds, max(job.peak_memory_bytes for job in known), guessed=True)


def render_spending(spent: list[Spending | None]) -> str:
    """Sum jobs up: `2 min 04 s, 3.1 GB last time`; `about` when a part is guessed or unknown."""
    known = [one for one in spent if one]
    if not known:
        return "time unknown"
    total = format_seconds(sum(one.seconds for one in known))
    memory = format_bytes(max(one.peak_memory_bytes for one in known))
    if len(known) < len(spent) or any(one.guessed for one in known):
        return f"about {total}, {memory}"
    return f"{total}, {memory} last time"
