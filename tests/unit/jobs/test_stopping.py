"""A process that is asked to stop tells its jobs, and kills them when it is asked again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunelab.jobs.processes import CHECKPOINTS
from tunelab.jobs.stopping import SAME, STOPPED, noting_stop

SCRIPTS = Path(__file__).parents[3] / "scripts"
# starts each of its arguments in a shell that waits for it, as Snakemake does, and waits as its scheduler does
STUDY = """
import subprocess, sys
from tunelab.jobs.stopping import stop_jobs_when_asked
stop_jobs_when_asked()
jobs = [subprocess.Popen(["bash", "-c", sys.executable + ' -c "$1"; exit $?', "job", job]) for job in sys.argv[1:]]
print("begun", flush=True)
try:
    [job.wait() for job in jobs]
except (KeyboardInterrupt, SystemExit) as stop:
    print(*[job.wait() for job in jobs], flush=True)
    raise
"""
# says when it is ready and what it got
JOB = """
import pathlib, signal, sys, time
def note(number, frame):
    pathlib.Path('told').open('a').write('told ')
    {then}
signal.signal(signal.SIGTERM, note)
pathlib.Path('ready').touch()
time.sleep(60)
"""
OBEYS, STAYS = JOB.format(then="sys.exit(7)"), JOB.format(then="pass")


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a study of one job, and returns it when the job is at work."""
    started = []

    def start(job):
        study = subprocess.Popen(
            [sys.executable, "-c", STUDY, job],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(study)
        wait_for(tmp_path / "ready")
        return study

    yield start
    for study in started:
        study.kill()


def wait_for(file, seconds=20):
    end = time.monotonic() + seconds
    while not file.exists():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_jobs_end_in_their_own_way_and_the_last_word_is_how_to_go_on(start, tmp_path, number):
    study = start(OBEYS)
    study.send_signal(number)
    printed, said = study.communicate(timeout=20)
    assert printed == "begun\n7\n"  # the shell waited for the job, and was not told itself
    assert said.strip() == STOPPED
    assert study.returncode == 1
    assert (tmp_path / "told").read_text() == "told "


def test_asked_again_it_kills_but_two_signals_at_once_are_one_request(start, tmp_path):
    study = start(STAYS)
    study.send_signal(signal.SIGTERM)
    study.send_signal(signal.SIGINT)
    wait_for(tmp_path / "told")
    time.sleep(SAME * 1.2)
    assert study.poll() is None
    study.send_signal(signal.SIGINT)
    assert study.communicate(timeout=20)[0] == f"begun\n{128 + signal.SIGKILL}\n"


def test_a_stop_is_noted_for_the_block_alone():
    before = signal.getsignal(signal.SIGTERM)
    with noting_stop() as note:
        assert not note.asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert note.asked
    assert signal.getsignal(signal.SIGTERM) is before


def test_one_of_several_processes_ends_as_it_would(monkeypatch):
    monkeypatch.setenv(CHECKPOINTS, "folder")
    before = signal.getsignal(signal.SIGTERM)
    with noting_stop():
        assert signal.getsignal(signal.SIGTERM) is before
