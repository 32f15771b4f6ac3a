"""What a job claims of a cluster: threads, memory and time, by what it took before.

A job that never ran is judged by the others of its rule; where there are none, by a first guess. Snakemake tries a
failed job again as its next `attempt`, and the claims of memory and time grow with that. The methods are functions for
Snakemake's `threads` and `resources`, which tells arguments by their names.
"""

import math
from pathlib import Path
from typing import Any

from tunelab.jobs.job import name_job
from tunelab.upkeep.studyfolders import list_cards, read_card

# of a job of which nothing is known
FIRST_MEGABYTES, FIRST_MINUTES, FIRST_THREADS = 16_000, 240, 8
GPU_THREADS = 4  # a job on a GPU mostly waits for it
IDLE = 0.75  # a job that kept less than this share of its threads busy needs fewer
STEP = 500  # megabytes to which a claim is rounded up

Taken = dict[str, dict[str, dict[str, float]]]


def read_taken(results: Path) -> Taken:
    """Return what jobs took, by rule and by the job's name for people, from the provenance cards of a study.

    Each has `megabytes`, `minutes`, and `threads` if it left some of those it had idle.
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
    """What to ask for each job.

    taken: as `read_taken` returns it; gpu: whether the study's heavy jobs have GPUs.
    """

    def __init__(self, taken: Taken, gpu: bool) -> None:
        self._taken, self._first = taken, GPU_THREADS if gpu else FIRST_THREADS

    def threads(self, wildcards: Any, rulename: str) -> int:
        return int(self._find(wildcards, rulename, "threads") or self._first)

    def megabytes(self, wildcards: Any, rulename: str, attempt: int) -> int:
        """Claim half as much again as was taken, and what Snakemake itself needs beside the job."""
        measured = self._find(wildcards, rulename, "megabytes")
        asked = measured * 1.5 + 1000 if measured else FIRST_MEGABYTES
        return math.ceil(asked * attempt / STEP) * STEP

    def minutes(self, wildcards: Any, rulename: str, attempt: int) -> int:
        """Claim twice the time that was taken, and a quarter of an hour for starting on a busy machine."""
        measured = self._find(wildcards, rulename, "minutes")
        return math.ceil((measured * 2 + 15 if measured else FIRST_MINUTES) * attempt)

    def _find(self, wildcards: Any, rule: str, what: str) -> float | None:
        """Return what the job took; else the most that one of its rule did; None if nothing is known."""
        jobs = self._taken.get(rule, {})
        own = jobs.get(name_job(rule, dict(wildcards.items())))
        return own.get(what) if own else max((job[what] for job in jobs.values() if what in job), default=None)
