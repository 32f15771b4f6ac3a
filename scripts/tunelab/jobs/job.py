"""Run a script as a job of Snakemake: pass the job's named files and params to its `main`.

Console output goes to the job's log; lines of `report_progress` are marked there, so that they can be shown. A
mistake of the user, a full disk and a lack of memory end the job with a sentence; any other failure keeps its
traceback. A job that ends well leaves its provenance card, and, if asked to, keeps
its outputs for the next job with equal facts and inputs.
"""

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tunelab.errors import UserError
from tunelab.jobs.console import accept_all_text
from tunelab.jobs.failures import TOLD, explain_failure
from tunelab.jobs.forced import is_forced
from tunelab.jobs.hardware import take_gpus
from tunelab.jobs.jobcards import Attempt
from tunelab.jobs.keeping import kept_work
from tunelab.jobs.processes import (
    BeginAgain,
    ask_again,
    die_with_parent,
    find_checkpoints,
    is_first,
    is_launched,
    keep_memory,
    leave_out,
    may_tell,
    run_processes,
)

_terminal: int | None = None
_title = ""


def run_as_job(main: Callable, job: Any, network: bool = False, keep: bool = False) -> None:
    """Call `main` with the job's named inputs, outputs and params as keyword arguments (files as `Path`).

    With `network=False` the Hugging Face libraries are put offline before they are imported, so a script imports
    whatever loads them inside its `main`. With `keep=True` the outputs are taken from an equal earlier job if there is
    one and this one is not forced, and `main` may ask for `checkpoints`, a folder that outlives a killed attempt at the
    same work. Such a job may be done by several processes (`spec.processes`): each calls `main`, of which the first one
    writes the outputs.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if not network:
        os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    die_with_parent()
    keep_memory()
    if not getattr(dict(job.params.items()).get("spec"), "uses_bitsandbytes", False):
        leave_out("bitsandbytes")  # PEFT would import it for a second wherever it finds it
    wildcards = dict(job.wildcards.items())
    _redirect_console(Path(job.log[0]), name_job(job.rule, wildcards))
    try:
        _run(main, job, keep)
    except Exception as error:
        if not may_tell():
            sys.exit(1)
        if isinstance(error, BeginAgain):
            ask_again()
            sys.exit(1)
        sentence = explain_failure(error, [Path(path).parent for path in job.output], job.rule, wildcards)
        if sentence is None:
            raise
        _end_with(sentence, error)


def name_job(rule: str, wildcards: Mapping[str, str]) -> str:
    """Return a job's name for people: `train_sft lora 1`."""
    return " ".join([rule, *wildcards.values()])


def report_progress(message: str) -> None:
    """Print one line; inside a job it goes to the log with a mark, so that it can be shown."""
    accept_all_text()
    if is_first():
        print(mark_progress(_title, message) if _title else message, flush=True)


def mark_progress(title: str, message: str) -> str:
    """Return the line by which a job's log holds a report."""
    return f"[{title}] {message}"


def _run(main: Callable, job: Any, keep: bool) -> None:
    if is_launched():
        _call(main, job, checkpoints=find_checkpoints())
        return
    attempt = Attempt(job)
    if not keep:
        _call(main, job)
        attempt.finish()
        return
    outputs = dict(job.output.items())
    with kept_work(f"{job.rule}-{attempt.key}") as kept:
        if is_forced(job.rule, job.output):
            kept.give_up()
        earlier = kept.restore(outputs)
        if earlier:
            attempt.reuse(earlier)
            report_progress(f"nothing to do: equal work was finished at {earlier['finished']}; its results are used")
        else:
            _call(main, job, checkpoints=kept.checkpoints)
            kept.store(outputs, attempt.finish())


def _call(main: Callable, job: Any, **more: Any) -> None:
    wanted = inspect.signature(main).parameters
    if not is_launched():
        take_gpus(job.resources.get("gpu", 0), lambda: report_progress("waiting for a free GPU"))
        processes = getattr(dict(job.params.items()).get("spec"), "processes", 1)
        if processes > 1 and "checkpoints" in wanted:  # only trainings, whose results the first process writes
            report_progress(f"{processes} processes share the work")
            while not run_processes(processes, job.threads, more["checkpoints"]):
                report_progress("all processes begin again")
            return
    files = {name: _as_path(value) for part in (job.input, job.output) for name, value in part.items()}
    arguments = files | dict(job.params.items()) | dict(job.wildcards.items()) | {"threads": job.threads} | more
    main(**{name: value for name, value in arguments.items() if name in wanted})


def _end_with(sentence: str, error: Exception) -> None:
    """Show the sentence and fail; unless the user made a mistake, the traceback goes to the log first."""
    try:
        if not isinstance(error, UserError):
            traceback.print_exc()
        print(f"{TOLD}{sentence}", flush=True)
    except OSError:  # the log may lie on the very disk that is full
        os.write(_terminal, f"{mark_progress(_title, sentence)}\n".encode(errors="backslashreplace"))
    sys.exit(1)


def _redirect_console(log: Path, title: str) -> None:
    """Send this process's output to `log`, progress marked with `title`; keep the terminal for emergencies."""
    global _terminal, _title
    _title = title
    log.parent.mkdir(parents=True, exist_ok=True)
    _terminal = os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    for stream in (sys.stdout, sys.stderr):  # whatever the terminal has, the log is UTF-8
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _as_path(value: Any) -> Any:
    return Path(value) if isinstance(value, str) else [Path(item) for item in value]
