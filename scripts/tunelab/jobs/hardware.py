"""The cores and GPUs that there are, and which of them a job takes."""

import fcntl
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tunelab.errors import UserError
from tunelab.jobs.processes import is_launched

# A container's quota of processor time may be less than the machine has. Snakemake's `--cores all` counts the cores
# that a process may run on, which a quota does not change.


GROUPS, MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def limit_cores(asked: int, groups: Path = GROUPS, mount: Path = MOUNT) -> int:
    """Return the number of cores asked for, lowered to this process's quotas (cgroups(7)); at least one."""
    return max(1, min([asked, *(int(quota) for quota in _list_quotas(groups, mount))]))


def _list_quotas(groups: Path, mount: Path) -> Iterator[float]:
    for folder in _list_folders(groups, mount):
        try:
            if (folder / "cpu.max").is_file():  # version 2
                quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            else:
                quota, period = (
                    (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period")
                )
            if quota != "max" and int(quota) > 0:
                yield int(quota) / int(period)
        except (OSError, ValueError):  # no such group, or no such controller in it
            continue


def _list_folders(groups: Path, mount: Path) -> Iterator[Path]:
    """Yield the folders of this process's control groups and of their parents.

    In a container the mount itself may be the container's group, whatever its path is outside.
    """
    try:
        lines = groups.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return
    for number, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if number == "0":
            roots = [mount, mount / "unified"]
        elif "cpu" in controllers.split(","):
            roots = [mount / controllers, mount / "cpu"]
        else:
            continue
        inner = PurePosixPath(path.lstrip("/"))
        yield from (root / part for root in roots for part in (inner, *inner.parents))


# GPUs are taken so that jobs run side by side and none sees two by accident.
# A job holds the lock of a file for each GPU that it uses; the kernel drops it when the job dies. A study that may use
# more GPUs than there are shares them: each then has as many such files, and the emptiest GPU is taken first. Files
# are named by what a GPU is, not by its number, which a cluster begins at 0 for each of its jobs. What the libraries
# see is set by `CUDA_VISIBLE_DEVICES` before they are imported. Where that is set already, by a user or a cluster,
# only what it names is taken.


VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"
SHARE = "TUNELAB_JOBS_PER_GPU"  # told by the process that plans to its jobs
PAUSE = 1.0  # seconds between two looks for a free GPU

_held: list[IO[str]] = []  # for as long as this process lives


def list_gpus(environment: Mapping[str, str] = os.environ) -> list[str]:
    """List the GPUs that this process may use (the parts of divided ones), as `CUDA_VISIBLE_DEVICES` names them."""
    if (visible := environment.get(VISIBLE)) is not None:
        named = [name.strip() for name in visible.split(",")]
        first_bad = next((place for place, name in enumerate(named) if name in ("", "-1")), len(named))
        return named[:first_bad]  # CUDA reads no further either
    return list(read_listing(_ask_driver()))


def _ask_driver() -> str:
    """Return what `nvidia-smi -L` prints; nothing without it, or, with a message, if it fails."""
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=60).stdout
    except FileNotFoundError:
        return ""
    except (OSError, subprocess.SubprocessError) as error:
        print(f"nvidia-smi does not work here ({error}); no GPU is used.", file=sys.stderr)
        return ""


def read_listing(told: str) -> dict[str, str]:
    """Parse what `nvidia-smi -L` prints: a line per GPU, followed by a line per part if it is divided.

    Returns the names by which CUDA takes them (numbers of GPUs, identifiers of parts), each with its identifier.
    """
    gpus: list[dict[str, str]] = []
    for line in told.splitlines():
        if found := re.match(r"GPU (\d+):.*\(UUID: ([^)]+)\)", line):
            gpus.append({found[1]: found[2]})
        elif found := re.match(r"\s+MIG .*\(UUID: (MIG-[^)]+)\)", line):
            gpus[-1][found[1]] = found[1]
    parted = (dict(list(names.items())[1:]) or names for names in gpus)
    return {name: identifier for names in parted for name, identifier in names.items()}


def promise_gpus(limits: MutableMapping[str, Any], cluster: bool) -> int:
    """Return how many GPUs a heavy job claims (0 or 1), and set the limit of a local study that has none.

    With a limit above the number of GPUs, jobs share them.

    limits: Snakemake's resources that all jobs share.

    Raises:
        UserError: if the jobs run elsewhere, and nothing says whether there are GPUs.
    """
    if cluster:
        if "gpu" not in limits:
            raise UserError(
                "Whether a cluster's jobs have GPUs is not told by the machine that plans: set the resource `gpu`, "
                "how many the study may use at a time (0: none), in the profile or by `--resources gpu=4`."
            )
        return min(1, limits["gpu"].value)
    here = len(list_gpus())
    if "gpu" not in limits:
        limits["gpu"] = here
    limit = limits["gpu"].value
    os.environ[SHARE] = str(math.ceil(limit / max(1, here)))
    return min(1, limit)


def take_gpus(
    count: int,
    on_wait: Callable[[], None],
    environment: MutableMapping[str, str] = os.environ,
    folder: Path | None = None,
) -> list[str]:
    """Take `count` GPUs for as long as this process lives and hide all others from it; with 0, hide all.

    on_wait: called once if they are not free yet; folder: of the lock files, else that for temporary files.

    Raises:
        UserError: if this machine has fewer than `count`.
    """
    if not count:
        environment[VISIBLE] = ""
        return []
    gpus = list_gpus(environment)
    if len(gpus) < count:
        raise UserError(
            f"This job is to run on {'a GPU' if count == 1 else f'{count} GPUs'}, and "
            f"{'there is none' if not gpus else f'there are {len(gpus)}'} here ({VISIBLE}="
            f"{environment.get(VISIBLE, 'not set')}). Start it where there is one, or set the resource `gpu` to 0."
        )
    environment.setdefault(ORDER, "PCI_BUS_ID")  # the order in which nvidia-smi counts
    known = read_listing(_ask_driver())
    locks = {name: known.get(name, name) for name in gpus}
    places = count, locks, int(environment.get(SHARE, 1)), folder or Path(tempfile.gettempdir())
    if not (taken := _take_free(*places)):
        on_wait()
        while not (taken := _take_free(*places)):
            time.sleep(PAUSE)
    environment[VISIBLE] = ",".join(taken)
    return taken


def is_promised() -> bool:
    """Return whether this process has taken a GPU, or the job that started it has."""
    return bool(_held or (is_launched() and os.environ.get(VISIBLE)))


def check_processes(runs: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
    """Raise `UserError` if a run's processes need more GPUs at a time than the study may use.

    runs: by name, those that are trained; limits: Snakemake's resources that all jobs share.
    """
    most = limits["gpu"].value
    for name, run in runs.items():
        if run.processes > most > 0:
            raise UserError(
                f"runs.{name}.launch.processes: {run.processes} processes need a GPU each, and the study may use "
                f"{most} at a time (the resource `gpu`). Lower it, or raise the resource where there are more GPUs."
            )


def _take_free(count: int, locks: dict[str, str], share: int, folder: Path) -> list[str]:
    """Take the `count` GPUs with the fewest jobs; none if fewer are available.

    locks: the GPUs, each with the name of its files.
    """
    # one process at a time looks, so that two which want several cannot each hold what the other one lacks
    with open(folder / f"tunelab-{os.getuid()}-gpus.lock", "a", encoding="ascii") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        free: dict[str, IO[str]] = {}
        for place in range(share):
            for gpu, name in locks.items():
                if gpu not in free and (file := _try_lock(folder, name, place)):
                    free[gpu] = file
        taken = list(free)[:count] if len(free) >= count else []
        for gpu, file in free.items():
            _held.append(file) if gpu in taken else file.close()
    return taken


def _try_lock(folder: Path, name: str, place: int) -> IO[str] | None:
    name = re.sub(r"[^A-Za-z0-9]", "-", name)
    file = (folder / f"tunelab-{os.getuid()}-gpu-{name}-{place}.lock").open("a", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
