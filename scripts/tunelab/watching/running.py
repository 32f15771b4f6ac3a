"""Show the jobs of a running study in lines: what begins, reports, ends and fails, and how far the study is."""

import os
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from tunelab.jobs.failures import find_reason
from tunelab.jobs.job import mark_progress
from tunelab.reporting.notation import format_seconds
from tunelab.watching.timeleft import PlannedJob, TimeLeft

COUNT = re.compile(r"(step )?\d+ of \d+\b")  # a report that the next one replaces
BAR = 24
ERASE = "\r\x1b[J"
WRAP, NO_WRAP = "\x1b[?7h", "\x1b[?7l"
RED, PLAIN = "\x1b[31m", "\x1b[0m"
MARGIN = 2  # rows of the terminal that are left to earlier lines
USUAL_SIZE = (80, 24)  # of a terminal that does not report its size


class ProgressReader:
    """Read the progress lines of a job from its growing log, which all machines of a cluster share.

    A log that exists already is one of an earlier run; Snakemake removes it before the job begins.
    """

    def __init__(self, log: Path, title: str) -> None:
        self._log, self._mark = log, mark_progress(title, "").encode()
        self._earlier = _identify(os.stat(log)) if log.is_file() else None
        self._place, self._rest = 0, b""

    def read(self) -> list[str]:
        """Return what the job reported since the last call."""
        try:
            with open(self._log, "rb") as log:
                if _identify(os.fstat(log.fileno())) == self._earlier:
                    return []
                self._earlier = None
                log.seek(self._place)
                new = log.read()
        except OSError:  # it has not begun, or its disk does not answer at the moment
            return []
        self._place += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [line.removeprefix(self._mark).decode(errors="replace") for line in lines if line.startswith(self._mark)]


def _identify(found: os.stat_result) -> tuple[int, int]:
    return found.st_ino, found.st_mtime_ns


class Screen:
    """Lines that stay, and on a terminal a few lines below them that are redrawn.

    The cursor waits at the first redrawn line, so that other programs' output pushes them down and is not lost. It is
    never hidden, since a killed process could not show it again.
    """

    def __init__(self, stream: TextIO, live: bool, colours: bool) -> None:
        self._stream, self.live, self._colours = stream, live, colours
        self._drawn = False

    def write(self, text: str, alarm: bool = False) -> None:
        """Add lines that stay."""
        self.erase()
        self._put(f"{RED}{text}{PLAIN}\n" if alarm and self._colours else f"{text}\n")

    def draw(self, lines: list[str]) -> None:
        """Show these lines below all others, in place of those drawn before; do nothing if this is no terminal."""
        if not self.live:
            return
        columns, rows = (known or usual for known, usual in zip(self._measure(), USUAL_SIZE, strict=True))
        if len(lines) > (most := max(rows - MARGIN, 1)):
            lines = [*lines[: most - 1], f"… and {len(lines) - most + 1} more"]
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        self._put(ERASE + NO_WRAP + "\n".join(line[: columns - 1] for line in lines) + WRAP + up + "\r")
        self._drawn = True

    def erase(self) -> None:
        """Erase the drawn lines."""
        if self._drawn:
            self._put(ERASE)
            self._drawn = False

    def _measure(self) -> tuple[int, int]:
        return os.get_terminal_size(self._stream.fileno())

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


@dataclass
class RunningJob:
    plan: PlannedJob
    began: float
    progress: ProgressReader
    last: str = ""


class RunningStudy:
    """The running jobs, by Snakemake's number; jobs that were not planned are ignored."""

    def __init__(self, jobs: dict[int, PlannedJob], screen: Screen) -> None:
        self._jobs, self._screen, self._left = jobs, screen, TimeLeft(jobs)
        self._running: dict[int, RunningJob] = {}
        self._done = self._failed = 0
        self._stopping = False
        screen.write(", ".join(filter(None, [f"{len(jobs)} job{'s' * (len(jobs) != 1)} to do", self._left.tell({})])))

    def start(self, number: int) -> None:
        if job := self._jobs.get(number):
            self._running[number] = RunningJob(job, time.monotonic(), ProgressReader(job.log, job.title))
            if not self._screen.live:
                self._screen.write(f"start   {job.title}")

    def finish(self, number: int) -> None:
        if job := self._end(number):
            seconds = time.monotonic() - job.began
            self._left.finish(number, seconds)
            self._done += 1
            self._screen.write(f"done    {job.plan.title}, {format_seconds(seconds)} ({self._tell_state()})")
            self.show()

    def fail(self, number: int) -> None:
        if job := self._end(number):
            self._left.give_up(number)
            said = f"{job.plan.title}, {format_seconds(time.monotonic() - job.began)}"
            if self._stopping:
                self._screen.write(f"stopped {said}")
                return
            self._failed += 1
            reason = f"{find_reason(job.plan.log)}\n        log: {job.plan.log}"
            self._screen.write(f"failed  {said}: {reason}", alarm=True)
            self.show()

    def stop(self) -> None:
        """Note that the user stopped the study; jobs that fail from now on were interrupted."""
        self._stopping = True
        self._screen.write("Stopping: each training finishes and keeps its present step. Ctrl-C again stops at once.")

    def look(self) -> None:
        """Show what jobs have reported since the last call."""
        for job in self._running.values():
            self._read(job)
        self.show()

    def show(self) -> None:
        """Draw how far the study is, and a line for each running job, if this is a terminal."""
        if not self._running:
            return
        whole = round(BAR * self._done / len(self._jobs))
        width = max(len(job.plan.title) for job in self._running.values())
        now = time.monotonic()
        self._screen.draw(
            [
                f"{'━' * whole}{'┈' * (BAR - whole)} {self._tell_state()}",
                *(
                    f"  {job.plan.title:<{width}}  {timedelta(seconds=int(now - job.began))}  {job.last}"
                    for job in self._running.values()
                ),
            ]
        )

    def _end(self, number: int) -> RunningJob | None:
        job = self._running.pop(number, None)
        if job:
            self._read(job)
        return job

    def _read(self, job: RunningJob) -> None:
        for report in job.progress.read():
            job.last = report
            if not (self._screen.live and COUNT.match(report)):
                self._screen.write(mark_progress(job.plan.title, report))

    def _tell_state(self) -> str:
        now = time.monotonic()
        left = self._left.tell({number: now - job.began for number, job in self._running.items()})
        failed = f"{self._failed} failed" if self._failed else ""
        return ", ".join(filter(None, [f"{self._done} of {len(self._jobs)} jobs", failed, left]))
