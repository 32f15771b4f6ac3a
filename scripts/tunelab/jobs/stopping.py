"""Stop a study on request: jobs end at once, but a training first saves a checkpoint of its present step.

Snakemake (9.27) only waits for running jobs: after SIGINT to it alone, and after SIGTERM, they run to their ends.
Here it sends them SIGTERM, which ends a job at once unless the job handles it (`noting_stop`).
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil

from tunelab.jobs.processes import is_launched

ASKS = (signal.SIGINT, signal.SIGTERM)
STOPPED = "Stopped; the same command goes on."
TERMINATED = 128 + signal.SIGTERM  # what shells report of a process that ended so
SHELLS = ("sh", "bash", "dash", "ksh", "zsh")
PERIOD = 0.5  # seconds until jobs are told again, since one may have been about to start

SAME = 1.0  # seconds in which a second signal is the same request: timeout(1) and make(1) may send two

_asked_at: list[float] = []


def stop_jobs_when_asked() -> None:
    """Make SIGINT and SIGTERM stop the jobs of this process, then the process; the second time, kill the jobs.

    The scheduler installs a handler for SIGTERM of its own when it is created, so call this again after that.
    """
    if threading.current_thread() is threading.main_thread():
        for number in ASKS:
            signal.signal(number, _stop)


def is_stopping() -> bool:
    """Return whether this process was asked to stop."""
    return bool(_asked_at)


def _stop(number: int, frame: Any) -> None:
    _asked_at.append(time.monotonic())
    if len(_asked_at) > 1:
        if _asked_at[-1] - _asked_at[0] > SAME:
            _signal_jobs(signal.SIGKILL)
        return
    threading.Thread(target=_tell_jobs, daemon=True).start()
    # the scheduler takes it for Ctrl-C and waits for the jobs; anything else ends with this sentence
    raise SystemExit(STOPPED)


def _tell_jobs() -> None:
    while True:
        _signal_jobs(signal.SIGTERM)
        time.sleep(PERIOD)


def _signal_jobs(number: signal.Signals) -> None:
    for job in _find_jobs():
        with contextlib.suppress(psutil.NoSuchProcess):
            job.send_signal(number)


def _find_jobs() -> Iterator[psutil.Process]:
    """Yield the process of each job, not the shell that waits for it: the shell would end first, the job with it."""
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            waited_for = process.children() if process.name() in SHELLS else []
            yield from waited_for or [process]


class StopNote:
    """Whether a training was asked to stop within `noting_stop`."""

    asked = False


@contextlib.contextmanager
def noting_stop() -> Iterator[StopNote]:
    """Within the block, record SIGINT and SIGTERM instead of ending; the reader of the record ends in order.

    One of several processes that train together ends at once, since none can go on without the others.
    """
    note = StopNote()

    def ask(number: int, frame: Any) -> None:
        note.asked = True

    before = {} if is_launched() else {number: signal.signal(number, ask) for number in ASKS}
    try:
        yield note
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
