"""What a running Snakemake leaves for `make status`: which jobs it planned, and when each began, ended or failed.

A file of lines, since neither another terminal nor another machine of a cluster can ask the process itself.
"""

import contextlib
import json
import logging
import os
import platform
import time
from pathlib import Path
from typing import Any

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from tunelab.jobs.failures import note_reason
from tunelab.watching.planned import JOURNAL, describe_jobs

INTERRUPTED = "Terminating processes on user request"


class Journal(logging.Handler):
    """A handler that writes events, and into a failed job's log what a cluster said of it.

    The plan comes with the first job, and takes the place of an older run's journal.
    """

    def __init__(self, workflow: Any) -> None:
        super().__init__()
        self._workflow, self._begun = workflow, False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._note(record)
        except Exception:  # a study never fails because it cannot be watched
            self.handleError(record)
            logger.removeHandler(self)

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
            note_reason(Path(record.log[0]), record.rule_msg)  # before anyone looks there for it
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
