"""Read what jobs took last time, and estimate from it what they will take and what they claim of a cluster.

Times and memory are those of provenance cards, or of Snakemake's benchmark files where there is no card.
"""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.jobs.job import name_job
from tunelab.jobs.jobcards import card_file
from tunelab.reporting.notation import format_bytes, format_seconds
from tunelab.upkeep.result_files import list_cards, read_card

MEBIBYTE = 2**20  # benchmark files count memory in it
# claims of a job of which nothing is known
FIRST_MEGABYTES, FIRST_MINUTES, FIRST_THREADS = 16_000, 240, 8
GPU_THREADS = 4  # a job on a GPU mostly waits for it
IDLE = 0.75  # a job that kept less than this share of its threads busy needs fewer
STEP = 500  # megabytes to which a claim is rounded up

Taken = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Spending:
    """Time and memory of one job; `guessed` if it is the median of other jobs of the same rule."""

    seconds: float
    peak_memory_bytes: float
    guessed: bool = False


def find_spending(jobs: Iterable[tuple[str, str, str | None]]) -> dict[str, Spending | None]:
    """Return what each job took, by its log; a job that never ran takes what its rule's other jobs took.

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
    """Return what the job with this log took when it last ran; None if it is not known."""
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
    """Return the median time and the highest memory of other jobs of the same rule."""
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


# What a job claims of a cluster.


def read_taken(results: Path) -> Taken:
    """Return what jobs took, by rule and by the job's name for people, from the provenance cards of a study.

    Each has `megabytes`, `minutes`, and `threads` if it left some of its threads idle.
    """
    taken: Taken = {}
    for file in list_cards(results):
        card = read_card(file)
        taken.setdefault(card["rule"], {})[name_job(card["rule"], card["wildcards"])] = _measure(card)
    return taken


def _measure(card: dict[str, Any]) -> dict[str, float]:
    measured = {"megabytes": card["peak_memory_bytes"] / 1e6, "minutes": card["seconds"] / 60}
    busy = card.get("cpu_seconds", math.inf) / max(card["seconds"], 1)
    if busy < IDLE * card.get("threads", 0):
        measured["threads"] = max(1, math.ceil(busy))
    return measured


class Claims:
    """Threads, memory and minutes to claim for each job, by what it or the others of its rule took before.

    The methods are functions for Snakemake's `threads` and `resources`, which passes arguments by their names. A failed
    job is tried again as the next `attempt` and claims more memory and time.

    taken: as `read_taken` returns it; gpu: whether the study's heavy jobs have GPUs.
    """

    def __init__(self, taken: Taken, gpu: bool) -> None:
        self._taken, self._first = taken, GPU_THREADS if gpu else FIRST_THREADS

    def threads(self, wildcards: Any, rulename: str) -> int:
        return int(self._find(wildcards, rulename, "threads") or self._first)

    def megabytes(self, wildcards: Any, rulename: str, attempt: int) -> int:
        """Claim one and a half times what was taken, plus what Snakemake itself needs beside the job."""
        measured = self._find(wildcards, rulename, "megabytes")
        asked = measured * 1.5 + 1000 if measured else FIRST_MEGABYTES
        return math.ceil(asked * attempt / STEP) * STEP

    def minutes(self, wildcards: Any, rulename: str, attempt: int) -> int:
        """Claim twice the time that was taken, plus a quarter of an hour for starting on a busy machine."""
        measured = self._find(wildcards, rulename, "minutes")
        return math.ceil((measured * 2 + 15 if measured else FIRST_MINUTES) * attempt)

    def _find(self, wildcards: Any, rule: str, what: str) -> float | None:
        """Return what the job took, or else the most that a job of its rule took; None if nothing is known."""
        jobs = self._taken.get(rule, {})
        own = jobs.get(name_job(rule, dict(wildcards.items())))
        return own.get(what) if own else max((job[what] for job in jobs.values() if what in job), default=None)
