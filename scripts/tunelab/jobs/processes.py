"""Processes: end with the parent, hold locks, keep memory, do without a package, and share one job among several."""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import IO

from tunelab.errors import UserError
from tunelab.files import explain_forbidden

# of file systems without locks: Lustre mounted without them, some network and FUSE ones
LOCKLESS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)


def die_with_parent() -> None:
    """Make the kernel stop this process when its parent is killed (Linux only; see prctl(2)).

    Otherwise a training would go on after `kill -9` of Snakemake, beside the one that the next command starts.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGTERM)
        # The parent died before we asked, and its orphans went to the first process. In a container that can be the
        # parent itself, whose session is ours.
        if os.getppid() == 1 and os.getsid(1) != os.getsid(0):
            os.kill(os.getpid(), signal.SIGTERM)


def keep_memory() -> None:
    """Make the C library keep freed memory (glibc only; see mallopt(3)); call it before torch is imported.

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
    """Make libraries that use `package` if it is installed do without it; call it before they are imported."""
    sys.modules.setdefault(package, None)


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


# One job by several processes: the job starts its own script several times, and waits.
# The job itself holds what only one can have: the key of the work, its lock, the GPUs, the card. The processes that it
# starts call `main`, with the folder for checkpoints that it tells them; only the first of them reports progress, and
# the first that fails says why, since what the others say then follows from it. `accelerate launch` starts them, and
# ends the others when one of them fails; it is told of a port that is in use, so that torch takes a free one itself,
# and two jobs of a machine never meet. It dies with the job, and the processes with it.


CHECKPOINTS, TOLD = "TUNELAB_LAUNCHED_CHECKPOINTS", "TUNELAB_LAUNCHED_TOLD"
AGAIN = "begin again"
KILLED = "(SIGKILL)"  # what torch's launcher says of a process that ended so


class BeginAgain(Exception):
    """What the processes share has changed, and all of them must be started again."""


def is_launched() -> bool:
    """Return whether this process is one of several that do a job together."""
    return CHECKPOINTS in os.environ


def is_first() -> bool:
    """Return whether this process is the first of a job, or the only one."""
    return not is_launched() or os.environ["RANK"] == "0"


def count_processes() -> int:
    """Return how many processes do the job together (the world size)."""
    return int(os.environ["WORLD_SIZE"]) if is_launched() else 1


def find_place() -> int:
    """Return the local rank of this process, from 0: the number of its GPU."""
    return int(os.environ["LOCAL_RANK"]) if is_launched() else 0


def find_checkpoints() -> Path:
    """Return the folder for checkpoints that the job told this process."""
    return Path(os.environ[CHECKPOINTS])


def may_tell() -> bool:
    """Return whether this failing process may report why: it is the only one, or the first of the job's."""
    if not is_launched():
        return True
    try:
        Path(os.environ[TOLD]).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def ask_again() -> None:
    """Make the job start all processes again when this one has ended."""
    Path(os.environ[TOLD]).write_text(AGAIN, encoding="ascii")


def run_processes(count: int, threads: int, checkpoints: Path) -> bool:
    """Run this script in `count` processes, which share `threads`, and wait for them.

    Returns whether they are done; if not, they must be started again.

    Raises:
        SystemExit: if one of them failed, and has told why.
        UserError: if one of them was killed.
        RuntimeError: if they could not be started.
    """
    # a port in use has accelerate leave the choice to torch, which takes a free one without a gap
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        told, each = Path(folder, "told"), max(1, threads // count)
        done = subprocess.run(
            _build_command(count, each, taken.getsockname()[1]),
            env=_build_environment(each) | {CHECKPOINTS: str(checkpoints), TOLD: str(told)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )
        said = told.read_text(encoding="ascii") if told.exists() else None
    if done.returncode == 0 or said == AGAIN:
        return done.returncode == 0
    printed = done.stdout.decode(errors="replace")
    if KILLED in printed:
        raise UserError(
            f"One of the {count} processes of this training was killed, by someone or by the system for want of memory "
            "(`dmesg` would say so). Each holds the whole model: if memory is short, lower launch.processes or "
            "training.per_device_train_batch_size."
        )
    if said is not None:
        sys.exit(1)
    print(printed)
    raise RuntimeError(f"the {count} processes could not be started")


def _build_command(count: int, threads: int, port: int) -> list[str]:
    # a config of one's own, so that none is read which the user made for something else
    config = Path(PathFinder.find_spec("trl").origin).with_name("accelerate_configs") / "multi_gpu.yaml"
    options = {
        "config_file": config,
        "num_processes": count,
        "num_cpu_threads_per_process": threads,
        "main_process_port": port,
        "mixed_precision": "no",  # the training's own arguments say it
    }
    told = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "accelerate.commands.launch", *told, sys.argv[0]]


def _build_environment(threads: int) -> dict[str, str]:
    on_gpus = bool(os.environ.get("CUDA_VISIBLE_DEVICES"))
    limits = {name: str(threads) for name in os.environ if name.endswith("_NUM_THREADS")}
    return os.environ | limits | ({} if on_gpus else {"ACCELERATE_USE_CPU": "true"})
