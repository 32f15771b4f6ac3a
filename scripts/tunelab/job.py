"""The one seam between Snakemake and the library: it turns a job's named files and params into arguments of `main`.

Console output goes to the job's log file; `report_progress` lines go to the terminal as well. A user's mistake ends
the job with its sentence; everything else that fails keeps its traceback, so that a failed job looks failed.
"""

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tunelab.errors import UserError

_terminal: int | None = None
_title = ""


def run_as_job(main: Callable, job: Any, network: bool = False) -> None:
    """Call `main` with the job's named inputs, outputs and params as keyword arguments (files as `Path`).

    With `network=False` the Hugging Face libraries are put offline before they are imported, so a script imports
    whatever loads them inside its `main`.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if not network:
        os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if job.log:
        _redirect_console(Path(job.log[0]), " ".join([job.rule, *(value for _, value in job.wildcards.items())]))
    files = {name: _as_path(value) for part in (job.input, job.output) for name, value in part.items()}
    arguments = files | dict(job.params.items()) | dict(job.wildcards.items()) | {"threads": job.threads}
    wanted = inspect.signature(main).parameters
    try:
        main(**{name: value for name, value in arguments.items() if name in wanted})
    except UserError as error:
        report_progress(f"Error: {error}")
        sys.exit(1)


def report_progress(message: str) -> None:
    """Print one line to the log and, inside a job, with the job's name to the terminal."""
    print(message, flush=True)
    if _terminal is not None:
        os.write(_terminal, f"[{_title}] {message}\n".encode())


def _redirect_console(log: Path, title: str) -> None:
    """Send this process's stdout and stderr to `log`, keeping the terminal for progress lines under `title`."""
    global _terminal, _title
    _title = title
    log.parent.mkdir(parents=True, exist_ok=True)
    _terminal = os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    sys.stdout.reconfigure(line_buffering=True)


def _as_path(value: Any) -> Any:
    return Path(value) if isinstance(value, str) else [Path(item) for item in value]
