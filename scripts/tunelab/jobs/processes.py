"""What a process does to itself and to others: orphans of a killed Snakemake, two at the same work, memory, imports."""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from tunelab.errors import UserError
from tunelab.files import explain_forbidden

# of file systems without locks: Lustre mounted without them, some network and FUSE ones
LOCKLESS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)


def die_with_parent() -> None:
    """Have the kernel stop this process when the one that started it is killed (Linux only; see prctl(2)).

    Otherwise a training goes on unseen after `kill -9` of Snakemake, beside the one that the next command starts.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGTERM)
        # The parent died before we asked, and its orphans went to the first process. In a container that can be the
        # parent itself, whose session is ours.
        if os.getppid() == 1 and os.getsid(1) != os.getsid(0):
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


def quote_interpreter() -> None:
    """Have jobs find this Python in a folder with spaces or other signs of the shell.

    Snakemake (9.27) writes its path into commands as it is; a path that is quoted already stays so.
    """
    if os.path.isfile(sys.executable):
        sys.executable = shlex.quote(sys.executable)


@contextlib.contextmanager
def held_lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock file for the block; when another process has it, call `on_wait` first, which may raise.

    The kernel drops the lock of a killed process. On a file system without locks, a file in the folder for temporary
    files stands in for it, which keeps the processes of one machine apart, and a line says so.

    Raises:
        UserError: if the file is another user's, or may not be written.
    """
    with contextlib.ExitStack() as files:
        if not _lock(files.enter_context(_open_lock(path)), on_wait):
            print(f"{path}: the file system has no locks; use it from one machine at a time.", file=sys.stderr)
            name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
            stand_in = Path(tempfile.gettempdir(), f"tunelab-{os.getuid()}-{name}.lock")
            _lock(files.enter_context(_open_lock(stand_in)), on_wait)
        yield


def _open_lock(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "a", encoding="utf-8")
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise UserError(explain_forbidden(path, error.strerror)) from None


def _lock(file: IO[str], on_wait: Callable[[], None]) -> bool:
    """Take a file's lock; return False where there are no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        on_wait()
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in LOCKLESS:
            raise
        return False
    return True
