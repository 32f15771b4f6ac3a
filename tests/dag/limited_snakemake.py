"""Snakemake's own command in a container with a quota, which the folder's files `cgroup` and `mount/` describe."""

import sys
from pathlib import Path

from snakemake.cli import main

sys.path.insert(0, "scripts")

from tunelab.jobs.hardware import limit_cores

limit_cores.__defaults__ = (Path("cgroup"), Path("mount"))

if __name__ == "__main__":
    main()
