"""What a process does to itself and to others: orphans of a killed Snakemake, two at the same work, memory, imports."""

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


def keep_memory() -> None:
    """Have the C library keep what it is given back (glibc only; see mallopt(3)); call it before torch is imported.

    By default every large tensor is mapped anew and its pages are zeroed at the first touch, a million times a training
    step. The results are the same to the bit.
    """
    libc = ctypes.CDLL(None)
    if sys.platform == "linux" and hasattr(libc, "gnu_get_libc_version"):
        trim_threshold, top_pad, mmap_max = -1, -2, -4
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(top_pad, 64 * 2**20)


def leave_out(package: str) -> None:
    """Have libraries that would use `package` if it is there do without it; call it before they are imported."""
    sys.modules.setdefault(package, None)


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
