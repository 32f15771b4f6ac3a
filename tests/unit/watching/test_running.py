"""A running study is shown in lines: all of them in a file; on a terminal those that stay, and the present state."""

import io
from pathlib import Path

import pytest

from tunelab.watching.running import RunningStudy, Screen
from tunelab.watching.timeleft import PlannedJob


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


class Terminal(Screen):
    """A screen that remembers what was drawn last."""

    drawn = ()

    def draw(self, lines):
        self.drawn = lines


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr("tunelab.watching.running.time", clock := Clock())
    return clock


@pytest.fixture
def begin(tmp_path, clock, monkeypatch):
    """A function that begins a study of two jobs, and returns it with its screen and a function for its lines."""
    monkeypatch.chdir(tmp_path)
    jobs = {
        1: PlannedJob("train_sft lora 1", "train_sft", Path("lora.log"), 120, {"_cores": 1.0}),
        2: PlannedJob("train_sft prefix 1", "train_sft", Path("prefix.log"), 180, {"_cores": 1.0}),
    }

    def begin(live):
        screen = Terminal(stream := io.StringIO(), live, colours=False)
        return RunningStudy(jobs, screen), screen, lambda: stream.getvalue().replace("\u202f", " ").splitlines()

    return begin


def report(log, *lines):
    with open(log, "a") as file:
        file.writelines(f"{line}\n" for line in lines)


def run_both(study, clock):
    study.start(0)  # a target, which is no work
    study.start(1)
    report("lora.log", "loading", "[train_sft lora 1] goes on from the checkpoint of step 10")
    study.look()
    report("lora.log", "[train_sft lora 1] step 15 of 60, loss 1.23, 40 s left")
    clock.now = 65.0
    study.look()


def test_a_file_gets_a_line_for_everything_that_happens(begin, clock):
    study, _, lines = begin(live=False)
    run_both(study, clock)
    report("lora.log", "[train_sft lora 1] step 60 of 60, loss 0.83, 0 s left")
    clock.now = 124.0
    study.finish(1)
    study.finish(0)
    study.start(2)
    report("prefix.log", "Error: The loss became NaN at step 3; lower training.learning_rate.")
    clock.now = 128.0
    study.fail(2)
    assert lines() == [
        "2 jobs to do, about 5 min left",
        "start   train_sft lora 1",
        "[train_sft lora 1] goes on from the checkpoint of step 10",
        "[train_sft lora 1] step 15 of 60, loss 1.23, 40 s left",
        "[train_sft lora 1] step 60 of 60, loss 0.83, 0 s left",
        "done    train_sft lora 1, 2 min 04 s (1 of 2 jobs, about 3 min left)",
        "start   train_sft prefix 1",
        "failed  train_sft prefix 1, 4.0 s: The loss became NaN at step 3; lower training.learning_rate.",
        "        log: prefix.log",
    ]


def test_on_a_terminal_counts_are_drawn_and_what_is_worth_keeping_stays(begin, clock):
    study, screen, lines = begin(live=True)
    run_both(study, clock)
    assert screen.drawn == [
        "┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈ 0 of 2 jobs, about 4 min left",
        "  train_sft lora 1  0:01:05  step 15 of 60, loss 1.23, 40 s left",
    ]
    study.start(2)
    clock.now = 124.0
    study.finish(1)
    assert screen.drawn == [
        "━━━━━━━━━━━━┈┈┈┈┈┈┈┈┈┈┈┈ 1 of 2 jobs, about 2 min left",
        "  train_sft prefix 1  0:00:59  ",
    ]
    assert lines() == [
        "2 jobs to do, about 5 min left",
        "[train_sft lora 1] goes on from the checkpoint of step 10",
        "done    train_sft lora 1, 2 min 04 s (1 of 2 jobs, about 2 min left)",
    ]


def test_a_failed_job_is_counted_in_what_follows(begin, clock):
    study, _, lines = begin(live=False)
    study.start(1)
    study.start(2)
    study.fail(1)
    clock.now = 180.0
    study.finish(2)
    assert lines()[-1] == "done    train_sft prefix 1, 3 min 00 s (1 of 2 jobs, 1 failed)"


def test_a_job_that_ends_because_the_study_was_told_to_has_not_failed(begin, clock):
    study, _, lines = begin(live=False)
    study.start(1)
    clock.now = 10.0
    study.stop()
    study.fail(1)
    assert lines()[-2:] == [
        "Stopping: each training finishes and keeps its present step. Ctrl-C again stops at once.",
        "stopped train_sft lora 1, 10.0 s",
    ]
