"""How many cores the kernel lets a container use: its quota of processor time may be less than the machine has.

Snakemake's `--cores all` counts the cores that a process may run on, which a quota does not change.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

GROUPS, MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def limit_cores(asked: int, groups: Path = GROUPS, mount: Path = MOUNT) -> int:
    """Return how many of the cores asked for fit into every quota of this process, at least one (cgroups(7))."""
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
    """Yield the folders of this process's groups and of all that these are part of.

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
