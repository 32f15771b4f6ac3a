"""Snakemake's own command, but the scripts that it writes for its jobs run in forks instead of fresh interpreters.

The file that runs is the same, with the same folder, environment and number of threads. The test of the killed study
runs the real command and compares all that it makes with what was made here.
"""

import subprocess
import time
from pathlib import Path

import forks
from snakemake.cli import main
from snakemake.script import PythonScript

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def execute_script(self: PythonScript, fname: str, edit: bool = False) -> None:
    """Stand in for `python fname`, as Snakemake's `shell` would start it."""
    started = time.monotonic()
    code = forks.run_python(Path.cwd(), fname, **dict.fromkeys(VARIABLES, str(self.threads)))
    if self.bench_record:
        # memory would be that of the process forked from
        self.bench_record.running_time, self.bench_record.data_collected = time.monotonic() - started, True
    if code:
        raise subprocess.CalledProcessError(code, fname)


if __name__ == "__main__":
    PythonScript.execute_script = execute_script
    main()
