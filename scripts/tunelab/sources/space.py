"""Compare what is to be written with what the disks have free, before it is written."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from tunelab.errors import UserError


def check_space(key: str, what: str, needs: Iterable[tuple[Path, int]]) -> None:
    """Raise `UserError` unless every folder's file system has the bytes free that all folders on it need together."""
    disks: dict[int, tuple[Path, int]] = {}
    for folder, needed in needs:
        device = os.stat(folder).st_dev
        first, others = disks.get(device, (folder, 0))
        disks[device] = (first, others + needed)
    for folder, needed in disks.values():
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise UserError(
                f"{key}: {what} needs {needed / 1e9:.3g} GB on the disk of {folder}, of which {free / 1e9:.3g} GB are "
                "free. Free some space, or put that folder on a larger disk and a link in its place."
            )
