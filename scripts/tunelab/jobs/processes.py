"""Processes that stand in each other's way: orphans of a killed Snakemake, and two at the same work."""

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path


def die_with_parent() -> None:
    """Have the kernel stop this process when the one that started it is killed (Linux only; see prctl(2)).

    Otherwise a training goes on unseen after `kill -9` of Snakemake, beside the one that the next command starts.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGTERM)
        if os.getppid() == 1:  # the parent died before we asked
            os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def held_lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock file for the block; when another process has it, call `on_wait` first, which may raise.

    The kernel drops the lock of a killed process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
