"""A study at work, told in lines: what begins, reports, ends and fails, and how far it all is."""

import re
import time
from dataclasses import dataclass
from datetime import timedelta

from tunelab.jobs.failures import find_reason
from tunelab.jobs.job import mark_progress
from tunelab.reporting.notation import format_seconds
from tunelab.watching.following import ProgressReader
from tunelab.watching.screen import Screen
from tunelab.watching.timeleft import PlannedJob, TimeLeft

COUNT = re.compile(r"(step )?\d+ of \d+\b")  # a report that the next one replaces
BAR = 24


@dataclass
class RunningJob:
    plan: PlannedJob
    began: float
    progress: ProgressReader
    last: str = ""


class RunningStudy:
    """Jobs, by number, from their start to their end; those that are not planned are passed over."""

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
        """Tell that somebody stopped it; jobs that end from now on were broken off."""
        self._stopping = True
        self._screen.write("Stopping: each training finishes and keeps its present step. Ctrl-C again stops at once.")

    def look(self) -> None:
        """Tell what jobs have reported since the last look."""
        for job in self._running.values():
            self._read(job)
        self.show()

    def show(self) -> None:
        """Draw, where that can be done, how far the study is, and a line for each running job."""
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
