"""One of the project's tools, whose path and arguments follow; its Snakemake is that of `stubbed_snakemake.py`."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import forks

STUBS = Path(__file__).with_name("stubbed_snakemake.py")


def run_stubbed(command: list[str], env: dict[str, str] | None = None, **others: object) -> subprocess.CompletedProcess:
    """Stand in for `subprocess.run` where a tool starts Snakemake."""
    if command[1:3] != ["-m", "snakemake"]:
        return run(command, env=env, **others)
    code = forks.run_python(Path.cwd(), str(STUBS), *command[3:], **(env or os.environ))
    return subprocess.CompletedProcess(command, code)


if __name__ == "__main__":
    run, subprocess.run = subprocess.run, run_stubbed
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(sys.argv[0]).parent.resolve())
    runpy.run_path(sys.argv[0], run_name="__main__")
