"""One program at a time in a working folder, and who that is, for whoever comes second.

It stands in for Snakemake's own locks, which outlive a killed process; the kernel drops this one.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from tunelab.errors import UserError
from tunelab.jobs.processes import held_lock

LOCK = Path(".snakemake/running.lock")


@contextlib.contextmanager
def claimed_folder(who: str) -> Iterator[None]:
    """Have the working folder for the block; `who` names this program for others, such as `The study config/a.yaml`.

    Raises:
        UserError: if another program has it, naming that.
    """
    with held_lock(LOCK, _refuse):
        LOCK.write_text(f"{who} (process {os.getpid()})", encoding="utf-8")
        yield


def _refuse() -> NoReturn:
    who = LOCK.read_text(encoding="utf-8") or "Another program"  # it may not have said so yet
    raise UserError(
        f"{who} is running in {Path.cwd()}; wait until it ends (`make status` tells how far it is), stop it, or work "
        "in another folder by `snakemake --directory FOLDER`."
    )
