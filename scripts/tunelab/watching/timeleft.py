"""Estimate how long the rest of a study will take, from earlier runs and the jobs that are finished."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunelab.errors import UserError
from tunelab.upkeep.resources import find_spending

MINUTE = 60
LATE = 2  # a job that takes more than this many times its expected length, and a minute, has an unknown length
JOURNAL = Path(".snakemake/journal.jsonl")  # written by a running Snakemake for `make status`


@dataclass(frozen=True)
class PlannedJob:
    """A job that is to run; `claims` are the shares of all cores, GPUs and other resources that it takes."""

    title: str
    rule: str
    log: Path
    seconds: float | None = None  # what it took last time, or what other jobs of its rule took
    claims: dict[str, float] = field(default_factory=dict)
    causes: frozenset[int] = frozenset()  # the jobs, by number, that it waits for


class TimeLeft:
    """The unfinished jobs, by number, and what is known about their lengths."""

    def __init__(self, jobs: dict[int, PlannedJob]) -> None:
        self._jobs = dict(jobs)
        self._taken: dict[str, list[float]] = {}
        self._now = self._last_time = float(MINUTE)  # of the same jobs; a minute, so that a few light jobs weigh little

    def finish(self, number: int, seconds: float) -> None:
        """Note how long a finished job took, to estimate others of its rule."""
        if job := self._jobs.pop(number, None):  # there is none if it failed before
            self._taken.setdefault(job.rule, []).append(seconds)
            if job.seconds is not None:
                self._now += seconds
                self._last_time += job.seconds

    def give_up(self, number: int) -> None:
        """Leave out a failed job and all jobs that wait for it."""
        self._jobs.pop(number, None)
        for other in [other for other, job in self._jobs.items() if number in job.causes]:
            self.give_up(other)

    def tell(self, elapsed: dict[int, float]) -> str:
        """Return `about 12 min left`, `at least …` if a few lengths are unknown, or nothing if many are.

        elapsed: the seconds that each running job has taken so far.
        """
        guesses = {number: self._guess(job, elapsed.get(number, 0.0)) for number, job in self._jobs.items()}
        known = {number: seconds for number, seconds in guesses.items() if seconds is not None}
        if len(known) * 2 <= len(guesses):
            return ""
        left = max(self._add_up(known), self._find_longest_way(known))
        if len(known) < len(guesses):
            return f"at least {_round(left)} left" if left >= MINUTE else ""
        return f"about {_round(left)} left" if left >= MINUTE else "less than a minute left"

    def _guess(self, job: PlannedJob, elapsed: float) -> float | None:
        if job.seconds is not None:
            # a busy machine slows all jobs; a job that reused kept results makes no other job faster
            whole = job.seconds * max(self._now / self._last_time, 1.0)
        elif job.rule in self._taken:
            whole = statistics.median(self._taken[job.rule])
        else:
            return None
        return max(whole - elapsed, 0.0) if elapsed <= whole * LATE + MINUTE else None

    def _add_up(self, seconds: dict[int, float]) -> float:
        """Return how long the scarcest resource (cores, GPUs) is needed."""
        needed: dict[str, float] = {}
        for number, length in seconds.items():
            for name, share in self._jobs[number].claims.items():
                needed[name] = needed.get(name, 0.0) + length * share
        return max(needed.values(), default=0.0)

    def _find_longest_way(self, seconds: dict[int, float]) -> float:
        """Return the length of the longest chain of jobs that wait for each other."""
        ends: dict[int, float] = {}

        def find_end(number: int) -> float:
            if number not in ends:
                ends[number] = seconds.get(number, 0.0) + max(map(find_end, self._list_causes(number)), default=0.0)
            return ends[number]

        return max(map(find_end, self._jobs), default=0.0)

    def _list_causes(self, number: int) -> Iterable[int]:
        return self._jobs[number].causes & self._jobs.keys()


def _round(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / MINUTE), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def plan_times(jobs: Iterable[dict[str, Any]]) -> dict[int, PlannedJob]:
    """Return the jobs that are to run, by Snakemake's number, with what they took last time."""
    jobs = list(jobs)
    try:
        spent = find_spending((job["rule"], job["log"], job["benchmark"]) for job in jobs)
    except UserError:  # a broken card; `make verify` reports it
        spent = {}
    return {
        job["number"]: PlannedJob(
            title=job["title"],
            rule=job["rule"],
            log=Path(job["log"]),
            seconds=found.seconds if (found := spent.get(job["log"])) else None,
            claims=job["claims"],
            causes=frozenset(job["causes"]),
        )
        for job in jobs
        if job["runs"]
    }
