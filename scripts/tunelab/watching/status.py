"""Report how far a study is that runs in another terminal or on a cluster, from its journal and its jobs' logs."""

import contextlib
import json
import os
import platform
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tunelab.errors import UserError
from tunelab.jobs.failures import find_reason
from tunelab.jobs.job import mark_progress
from tunelab.values import list_names
from tunelab.watching.timeleft import JOURNAL, PlannedJob, TimeLeft, plan_times

SILENT = "no word yet: it begins, or waits for its machine"


@dataclass
class Progress:
    """The state of a run by its journal; times in seconds since the epoch, jobs by Snakemake's number.

    stopped: whether the user stopped it, so that jobs which failed later were only interrupted.
    """

    header: dict[str, Any]
    jobs: dict[int, PlannedJob]
    began: dict[int, float] = field(default_factory=dict)  # of running jobs
    taken: dict[int, float] = field(default_factory=dict)  # of finished ones
    failed: set[int] = field(default_factory=set)
    stopped: bool = False
    ended: float | None = None

    def note(self, entry: dict[str, Any]) -> None:
        number = entry.get("job")
        match entry["event"]:
            case "start" if number in self.jobs:
                self.began[number] = entry["at"]
                self.failed.discard(number)  # it is tried again
            case "finish" if number in self.began:
                self.taken[number] = entry["at"] - self.began.pop(number)
            case "fail" if self.began.pop(number, None) and not self.stopped:
                self.failed.add(number)
            case "stop":
                self.stopped = True
            case "end":
                self.ended = entry["at"]


def read_progress() -> Progress:
    """Read the state of the last run from the journal in this folder.

    Raises:
        UserError: if no study was run in this folder.
    """
    lines = JOURNAL.read_text(encoding="utf-8").splitlines() if JOURNAL.is_file() else []
    entries = []
    with contextlib.suppress(json.JSONDecodeError):  # the last line may be half-written
        entries += map(json.loads, lines)
    if not entries:
        raise UserError("No study has begun in this folder; `make plan` tells what would run, `make report` runs it.")
    progress = Progress(entries[0], plan_times(entries[0]["jobs"]))
    for entry in entries[1:]:
        progress.note(entry)
    return progress


def render_status(progress: Progress, now: float) -> str:
    """Render which jobs are done, running, waiting and failed, and how long the rest will take."""
    at_work = _is_at_work(progress)
    left = TimeLeft(progress.jobs)
    for number, seconds in progress.taken.items():
        left.finish(number, seconds)
    for number in progress.failed:
        left.give_up(number)
    running = progress.began if at_work else {}
    seen = {*progress.taken, *progress.failed, *running}
    waiting = [job for number, job in progress.jobs.items() if number not in seen]
    counts = [f"{len(progress.taken)} of {len(progress.jobs)} jobs done", f"{len(running)} running"]
    counts += [f"{len(waiting)} waiting", f"{len(progress.failed)} failed"]
    said = left.tell({number: now - began for number, began in running.items()}) if at_work else ""
    return "\n".join(
        [
            ", ".join([f"{progress.header['results']}: {counts[0]}", *counts[1:], *([said] if said else [])]),
            _tell_state(progress, at_work),
            *_list_running([(progress.jobs[number], began) for number, began in running.items()], now),
            *_list_failed([progress.jobs[number] for number in sorted(progress.failed)]),
            *_list_waiting(waiting),
        ]
    )


def _is_at_work(progress: Progress) -> bool:
    """Tell whether the run is still running; on another machine that cannot be checked, so it is assumed."""
    if progress.ended is not None:
        return False
    if progress.header["host"] != platform.node():
        return True
    try:
        os.kill(progress.header["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's process
        return True
    return True


def _tell_state(progress: Progress, at_work: bool) -> str:
    begun = f"begun at {_tell_time(progress.header['at'])} on {progress.header['host']}"
    if at_work:
        return f"{begun}, process {progress.header['pid']}"
    end = f"ended at {_tell_time(progress.ended)}" if progress.ended else "killed; the same command goes on from there"
    return f"{begun}, {'stopped and ' if progress.stopped else ''}{end}"


def _tell_time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def _list_running(jobs: list[tuple[PlannedJob, float]], now: float) -> list[str]:
    width = max((len(job.title) for job, _ in jobs), default=0)
    lines = [
        f"  {job.title:<{width}}  {timedelta(seconds=int(now - began))}  {_read_last(job, began)}".rstrip()
        for job, began in jobs
    ]
    return ["running", *lines] if lines else []


def _read_last(job: PlannedJob, began: float) -> str:
    """Return what a running job reported last; a log that is older than its start belongs to an earlier run."""
    try:
        if job.log.stat().st_mtime < began:
            return SILENT
        lines = job.log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return SILENT
    mark = mark_progress(job.title, "")
    return next((line.removeprefix(mark) for line in reversed(lines) if line.startswith(mark)), "")


def _list_failed(jobs: list[PlannedJob]) -> list[str]:
    lines = [line for job in jobs for line in (f"  {job.title}: {find_reason(job.log)}", f"    log: {job.log}")]
    return ["failed", *lines] if lines else []


def _list_waiting(jobs: list[PlannedJob]) -> list[str]:
    """Count the waiting jobs by their rules, the most frequent first."""
    counted = Counter(job.rule for job in jobs).most_common()
    rules = [f"{rule} ×{count}" if count > 1 else rule for rule, count in counted]
    return [f"waiting: {list_names(rules, quoted=False)}"] if rules else []
