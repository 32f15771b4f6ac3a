"""The journal that a running Snakemake writes for `make status`."""

import json
import logging
import os
import platform
from pathlib import Path

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from tunelab.jobs.failures import find_reason
from tunelab.watching import display
from tunelab.watching.display import Journal
from tunelab.watching.timeleft import JOURNAL


@pytest.fixture
def note(workflow):
    """A function that gives a journal one of Snakemake's messages and returns all that it has written."""
    handler = Journal(workflow)

    def handle(text, event=None, **more):
        handler.handle(logging.makeLogRecord({"msg": text, "event": event, **more}))
        return read()

    yield handle
    handler.close()


def read():
    return [json.loads(line) for line in JOURNAL.read_text("utf-8").splitlines()] if JOURNAL.is_file() else []


def begin(note):
    return note("Execute 1 jobs...", LogEvent.JOB_STARTED, jobs=[1])


def test_it_begins_with_the_first_job_and_holds_the_plan(note):
    assert note("Building DAG of jobs...") == []
    (header,) = begin(note)
    assert (header["results"], header["pid"], header["host"]) == ("results", os.getpid(), platform.node())
    assert [(job["title"], job["runs"]) for job in header["jobs"]] == [
        ("train_sft lora 1", False),
        ("train_sft prefix 1", True),
        ("render_report", True),
    ]
    assert header["jobs"][2]["causes"] == [1]


def test_it_tells_of_starts_and_ends_and_of_nothing_else(note):
    begin(note)
    note("Rule: train_sft", LogEvent.JOB_INFO, jobid=1)
    note("Finished jobid: 1", LogEvent.JOB_FINISHED, job_id=1)
    note("1 of 2 steps (50%) done", LogEvent.PROGRESS)
    note("Rule: render_report", LogEvent.JOB_INFO, jobid=2)
    note("Terminating processes on user request, this might take some time.")
    log = "results/logs/render_report.log"
    entries = note("Error in rule", LogEvent.JOB_ERROR, jobid=2, log=[log], rule_msg="sbatch failed: no such GPU")
    assert find_reason(Path(log)) == "sbatch failed: no such GPU"
    assert [(entry["event"], entry.get("job")) for entry in entries[1:]] == [
        ("start", 1),
        ("finish", 1),
        ("start", 2),
        ("stop", None),
        ("fail", 2),
    ]


def test_a_later_run_takes_its_place_and_the_end_is_told(note, workflow):
    begin(note)
    later = Journal(workflow)
    later.handle(logging.makeLogRecord({"msg": "Execute 1 jobs...", "event": LogEvent.JOB_STARTED, "jobs": [1]}))
    later.close()
    entries = read()
    assert [entry.get("event") for entry in entries] == [None, "end"]


def test_a_journal_that_cannot_be_written_stops_nothing(note, monkeypatch, capsys):
    handler = Journal(None)
    display.logger.addHandler(handler)
    handler.handle(logging.makeLogRecord({"msg": "x", "event": LogEvent.JOB_STARTED, "jobs": [1]}))
    assert handler not in display.logger.handlers
    assert "AttributeError" in capsys.readouterr().err
