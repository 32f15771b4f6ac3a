"""Snakemake's own command, which gets SIGTERM while it selects jobs; it must end, whatever its scheduler holds then."""

import os
import signal

from snakemake.cli import main
from snakemake.scheduling.milp import Scheduler

select_jobs = Scheduler.select_jobs


def select_and_be_terminated(self, *arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    return select_jobs(self, *arguments)


if __name__ == "__main__":
    Scheduler.select_jobs = select_and_be_terminated
    signal.alarm(60)  # the end of one that waits for ever
    main()
