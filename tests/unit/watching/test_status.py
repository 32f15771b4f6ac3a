"""`make status` reports what the journal and the logs contain."""

import json
import os
import platform
import re
import subprocess
import sys

import pytest

from tests.unit.jobs.card_factory import write_card, write_file
from tunelab.errors import UserError
from tunelab.watching.status import read_progress, render_status
from tunelab.watching.timeleft import JOURNAL

BEGAN, NOW = 1_000_000.0, 1_000_600.0
JOBS = ["train_sft lora 1", "train_sft prefix 1", "score_answers lora 1 sums", "score_answers prefix 1 sums"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    JOURNAL.parent.mkdir()


def log_of(title):
    rule, *names = title.split()
    return f"results/logs/{rule}/{'_'.join(names)}.log"


def write_journal(*entries, pid=None, host=None, jobs=JOBS):
    described = [
        {"number": number, "title": title, "rule": title.split()[0], "log": log_of(title), "benchmark": None}
        | {"runs": True, "claims": {"_cores": 0.5}, "causes": [number - 2] if number > 1 else []}
        for number, title in enumerate(jobs)
    ]
    header = {"at": BEGAN, "results": "results/mine", "pid": pid or os.getpid(), "host": host or platform.node()}
    lines = [header | {"jobs": described}, *({"event": e, "job": n, "at": BEGAN + s} for e, n, s in entries)]
    JOURNAL.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def report(title, *lines, at=NOW):
    log = write_file(log_of(title), "".join(f"{line}\n" for line in lines))
    os.utime(log, (at, at))


def status(now=NOW):
    return render_status(read_progress(), now).replace("\u202f", " ").splitlines()


def find_dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_folder_in_which_nothing_ran_is_told_as_such():
    with pytest.raises(UserError, match="No study has begun in this folder; `make plan` tells what would run"):
        read_progress()


def test_done_running_waiting_and_failed_jobs_are_told_with_step_and_reason():
    write_journal(("start", 0, 0), ("start", 1, 10), ("fail", 0, 100))
    report(JOBS[0], "[train_sft lora 1] step 1 of 60", "Error: The disk is full.")
    report(JOBS[1], "[train_sft prefix 1] step 1 of 60", "[train_sft prefix 1] step 40 of 60, loss 2.1", "noise")
    first, second, *lines = status()
    assert first == "results/mine: 0 of 4 jobs done, 1 running, 2 waiting, 1 failed"
    assert re.fullmatch(rf"begun at 1970-01-1\d \d\d:\d\d on {platform.node()}, process {os.getpid()}", second)
    assert lines == [
        "running",
        "  train_sft prefix 1  0:09:50  step 40 of 60, loss 2.1",
        "failed",
        "  train_sft lora 1: The disk is full.",
        f"    log: {log_of(JOBS[0])}",
        "waiting: score_answers ×2",
    ]


def test_the_time_left_is_what_jobs_took_last_time_less_what_they_have_taken():
    for title in JOBS:
        report(title)
        write_card(log_of(title), seconds=1200.0)
    write_journal(("start", 0, 0), ("start", 1, 0))
    # of both chains ten minutes of the training and twenty for the scores
    assert status()[0].endswith(", about 30 min left")


def test_a_job_of_a_cluster_that_has_not_begun_waits_for_its_machine():
    report(JOBS[0], "[train_sft lora 1] step 60 of 60", at=BEGAN - 1)  # of an earlier run
    write_journal(("start", 0, 0), ("start", 1, 0), host="elsewhere")
    lines = status()
    assert "  train_sft lora 1    0:10:00  no word yet: it begins, or waits for its machine" in lines
    assert "  train_sft prefix 1  0:10:00  no word yet: it begins, or waits for its machine" in lines


def test_a_run_that_ended_says_when_and_one_that_was_killed_says_so():
    entries = [(event, number, 5) for number in range(4) for event in ("start", "finish")]
    write_journal(*entries, ("end", None, 60))
    first, second, *rest = status()
    assert first == "results/mine: 4 of 4 jobs done, 0 running, 0 waiting, 0 failed" and not rest
    assert ", ended at 1970-01-1" in second
    write_journal(("start", 0, 0), pid=find_dead_process())
    first, second, *rest = status()
    assert first == "results/mine: 0 of 4 jobs done, 0 running, 4 waiting, 0 failed"
    assert second.endswith(", killed; the same command goes on from there")
    assert rest == ["waiting: train_sft ×2, score_answers ×2"]


def test_what_somebody_stopped_did_not_fail():
    write_journal(("start", 0, 0), ("stop", None, 5), ("fail", 0, 6), ("end", None, 7))
    first, second, *_ = status()
    assert first.endswith("4 waiting, 0 failed") and "stopped and ended at" in second


def test_a_job_that_is_tried_again_has_not_failed():
    write_journal(("start", 0, 0), ("fail", 0, 5), ("start", 0, 6))
    assert status()[0].startswith("results/mine: 0 of 4 jobs done, 1 running, 3 waiting, 0 failed")


def test_a_half_written_line_is_not_read_yet():
    write_journal(("start", 0, 0))
    with open(JOURNAL, "a", encoding="utf-8") as journal:
        journal.write('{"at": 1, "eve')
    assert "1 running" in status()[0]
