"""Show one line for each event of a run in the terminal, in place of Snakemake's dozen, and keep a journal.

Snakemake's own messages still go to its log in `.snakemake/log`. The journal (`JOURNAL`) is what `make status` reads:
which jobs were planned, and when each began, ended or failed. It is a file, since neither another terminal nor another
machine of a cluster can ask the process itself.
"""

import contextlib
import json
import logging
import os
import platform
import threading
import time
from pathlib import Path
from typing import Any

from snakemake.logging import ColorizingTextHandler, logger
from snakemake_interface_logger_plugins.common import LogEvent

from tunelab.jobs.failures import note_reason
from tunelab.jobs.snakemake_internals import describe_jobs
from tunelab.watching.running import RunningStudy, Screen
from tunelab.watching.timeleft import JOURNAL, plan_times

INTERRUPTED = "Terminating processes on user request"
PERIOD = 1.0  # seconds between two looks at what jobs report
# messages that nobody needs before jobs run
IDLE = ("Using shell", "Conda environments: ignored", "Select jobs to execute")
# messages to pass on while jobs run, besides warnings and errors
SAID = ("Complete log", "Elapsed time")


def watch_study(workflow: Any) -> None:
    """Keep a journal, and replace Snakemake's handler for the terminal by `Display`.

    Options that change Snakemake's usual output are respected, and a dry run keeps no journal.
    """
    asked = workflow.output_settings
    if workflow.is_main_process and not asked.dryrun:
        logger.addHandler(Journal(workflow))
    other = (asked.dryrun, asked.quiet, asked.verbose, asked.debug_dag, asked.printshellcmds, asked.show_failed_logs)
    if workflow.is_main_process and not any(other):
        for handler in [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]:
            logger.removeHandler(handler)
            logger.addHandler(Display(workflow, handler))


class Journal(logging.Handler):
    """A logging handler that writes events to the journal, and a cluster's message about a failed job to the job's log.

    The plan is written when the first job begins, over the journal of an older run.
    """

    def __init__(self, workflow: Any) -> None:
        super().__init__()
        self._workflow, self._begun = workflow, False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._note(record)
        except Exception:  # a study never fails because it cannot be watched
            self.handleError(record)
            # in a new list, since logging would pass over the next handler of the present one
            logger.handlers = [handler for handler in logger.handlers if handler is not self]

    def close(self) -> None:
        if self._begun:
            self._begun = False
            with contextlib.suppress(OSError):  # the disk may be full
                _write("a", event="end")
        super().close()

    def _note(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_STARTED and not self._begun:
            self._begin()
        elif not self._begun:
            return
        elif event == LogEvent.JOB_INFO:
            _write("a", event="start", job=record.jobid)
        elif event == LogEvent.JOB_FINISHED:
            _write("a", event="finish", job=record.job_id)
        elif event == LogEvent.JOB_ERROR:
            note_reason(Path(record.log[0]), record.rule_msg)  # before anyone reads the log for it
            _write("a", event="fail", job=record.jobid)
        elif record.getMessage().startswith(INTERRUPTED):
            _write("a", event="stop")

    def _begin(self) -> None:
        JOURNAL.parent.mkdir(exist_ok=True)
        jobs, results = describe_jobs(self._workflow), self._workflow.globals["RESULTS"]
        _write("w", results=results, pid=os.getpid(), host=platform.node(), jobs=jobs)
        self._begun = True


def _write(mode: str, **entry: Any) -> None:
    with open(JOURNAL, mode, encoding="utf-8") as file:
        file.write(json.dumps({"at": time.time(), **entry}) + "\n")


class Display(logging.Handler):
    """A handler of Snakemake's messages that shows jobs in its own lines and passes the rest to the usual handler."""

    def __init__(self, workflow: Any, usual: ColorizingTextHandler) -> None:
        super().__init__()
        self._workflow, self._usual = workflow, usual
        self._screen = Screen(usual.stream, live=usual.can_color_tty(), colours=not usual.nocolor)
        self._study: RunningStudy | None = None
        self._over = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._show(record)
        except Exception:  # a study never fails because it cannot be watched
            self.handleError(record)
            self._end()
            logger.removeHandler(self)
            logger.addHandler(self._usual)

    def close(self) -> None:
        self._end()
        self._usual.close()
        super().close()

    def _end(self) -> None:
        self._over.set()
        with self.lock, contextlib.suppress(OSError):  # the terminal may be gone
            self._screen.erase()

    def _show(self, record: logging.LogRecord) -> None:
        match getattr(record, "event", None):
            case LogEvent.WORKFLOW_STARTED | LogEvent.RESOURCES_INFO | LogEvent.RUN_INFO:
                pass
            case LogEvent.JOB_STARTED:
                if self._study is None:
                    self._study = RunningStudy(plan_times(describe_jobs(self._workflow)), self._screen)
                    threading.Thread(target=self._keep_looking, daemon=True).start()
            case LogEvent.JOB_INFO:
                self._study.start(record.jobid)
            case LogEvent.JOB_FINISHED:
                self._study.finish(record.job_id)
            case LogEvent.JOB_ERROR:
                self._study.fail(record.jobid)
            case _ if self._passes(record):
                self._screen.erase()
                self._usual.handle(record)

    def _passes(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if self._study is None:
            return not text.startswith(IDLE)
        if text.startswith(INTERRUPTED):
            self._study.stop()
        # the message that a job's process failed; the job's log says why
        told = getattr(record, "exception", "") == "RuleException" and "CalledProcessError" in text
        return text.startswith(SAID) or (record.levelno >= logging.WARNING and not told)

    def _keep_looking(self) -> None:
        with contextlib.suppress(OSError):
            while not self._over.wait(PERIOD):
                with self.lock:
                    self._study.look()
