"""The smoke study, killed in six ways, and started again with the plain command each time.

When to kill is told by what the study has done, never by the clock, so that a fast machine does not reach its end
between two kills and a slow one is not killed before it has begun. Here the real command runs, in fresh interpreters.
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from smoke_study import NO_NETWORK, SMOKE

from tests import forks
from tests.study_copy import PROJECT, copy_project, run_forks, run_snakemake
from tunelab.jobs.stopping import STOPPED
from tunelab.records import read_json
from tunelab.upkeep.verification import TIMINGS, compare_studies

pytestmark = pytest.mark.smoke
SEED = 3
ASKED = ("Ctrl-C", "SIGINT", "SIGTERM")  # to all processes, as a terminal does it, and to Snakemake alone
WAYS = ("a job", "Snakemake", "everything", *ASKED)
# first the longest training is killed after these steps of its 80, so that there is one that was resumed
FIRST = {"everything": 6, "Snakemake": 12, "a job": 18}
KILLS = 6
RESULTS = "results/smoke"
KILLED = (*SMOKE, str(PROJECT / "tests/smoke/killed.yaml"))


def start_study(folder: Path) -> subprocess.Popen:
    inherited = {name: value for name, value in os.environ.items() if name not in forks.SET_FOR_TESTS}
    with open(folder / "terminal.txt", "a", encoding="utf-8") as terminal:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *KILLED],
            cwd=folder,
            env=inherited | NO_NETWORK,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,  # a group of its own, as a terminal gives it
            # a shell lets what it starts in the background ignore Ctrl-C, and these tests may run there
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def find_jobs(folder: Path) -> list[psutil.Process]:
    """List the running processes of jobs of the project in `folder`, orphans included."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if f"{folder}/.snakemake/scripts/" in line and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def kill_study(study: subprocess.Popen, folder: Path, way: str, moment: random.Random) -> bool:
    """Do one kind of harm, if there is anything to harm; after all but the first the study ends, soon or at once."""
    if way == "a job":
        jobs = find_jobs(folder)
        if jobs:
            moment.choice(jobs).kill()
        return bool(jobs)
    if study.poll() is not None:
        return False
    if way == "Snakemake":
        study.kill()
    elif way == "everything":
        os.killpg(study.pid, signal.SIGKILL)
    elif way == "Ctrl-C":
        os.killpg(study.pid, signal.SIGINT)
    elif way in ASKED:
        study.send_signal(signal.Signals[way])
    study.wait(timeout=60)
    assert study.returncode, f"the study came to its end in spite of {way}"
    if way in ASKED:
        assert find_jobs(folder) == []
        assert (folder / "terminal.txt").read_text(encoding="utf-8").splitlines()[-1] == STOPPED
    return True


class Progress:
    """What a study has done since the last kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.forget()

    def forget(self) -> None:
        self._since, self._cards = time.time_ns(), self._count_cards()

    def has_begun(self) -> bool:
        """Tell whether a job is at work, not only being started."""
        logs = (self._folder / RESULTS / "logs").rglob("*.log")
        return bool(find_jobs(self._folder)) and any(log.stat().st_mtime_ns > self._since for log in logs)

    def has_finished_a_job(self) -> bool:
        """Tell whether a job has ended well, and another is at work."""
        return self._count_cards() > self._cards and self.has_begun()

    def has_reached(self, step: int) -> bool:
        """Tell whether the longest training has a whole checkpoint of this step or a later one."""
        states = (self._folder / "work/kept").glob("train_sft-*/checkpoints/checkpoint-*/state.json")
        return any(int(state.parent.name.rpartition("-")[2]) >= step for state in states)

    def _count_cards(self) -> int:
        return len(list((self._folder / RESULTS / "cards").rglob("*.json")))


@pytest.fixture(scope="session")
def survivor(tmp_path_factory):
    """A copy of the project whose smoke study was killed in six ways before it was let finish."""
    folder = copy_project(tmp_path_factory.mktemp("killed"))
    moment, progress = random.Random(SEED), Progress(folder)
    others = [way for way in WAYS for _ in range(KILLS // len(WAYS) - (way in FIRST))]
    moment.shuffle(others)
    plan = [(way, partial(progress.has_reached, step)) for way, step in FIRST.items()]
    plan += zip(others, itertools.cycle([progress.has_begun, progress.has_finished_a_job]), strict=False)
    assert len(plan) == KILLS
    study = start_study(folder)
    for way, has_come in plan:
        while not has_come() or not kill_study(study, folder, way, moment):
            if study.poll() is not None:
                assert study.returncode, f"the study came to its end before it was killed by {way}"
                study = start_study(folder)
            time.sleep(0.05)
        progress.forget()
    kill_study(study, folder, "everything", moment)
    with open(folder / "terminal.txt", "a", encoding="utf-8") as terminal:
        terminal.write("--- the last start ---\n")
    run_snakemake(folder, *KILLED, **NO_NETWORK)
    return folder


@pytest.fixture(scope="session")
def undisturbed(project, tmp_path_factory):
    """The same study as it is when it is left alone."""
    folder = shutil.copytree(project, tmp_path_factory.mktemp("undisturbed"), dirs_exist_ok=True)
    run_forks(folder, *KILLED, **NO_NETWORK)
    return folder


def test_a_study_killed_in_six_ways_has_the_results_of_one_that_was_left_alone(survivor, undisturbed):
    # that one has the other task besides
    compared = {
        path: same
        for files in compare_studies(survivor / RESULTS, undisturbed / RESULTS).values()
        for path, same in files.items()
        if (survivor / RESULTS / path).exists()
    }
    assert len(compared) > 60
    differing = {path for path, same in compared.items() if not same}
    # what may be told apart is which training went on, and from where
    resumed = {path.relative_to(survivor / RESULTS).as_posix() for path in find_resumed(survivor)}
    assert resumed
    assert differing == resumed
    for name in resumed:
        assert read_without_times(survivor / RESULTS / name) == read_without_times(undisturbed / RESULTS / name)


def find_resumed(folder: Path) -> list[Path]:
    summaries = sorted((folder / RESULTS / "runs").rglob("training.json"))
    assert len(summaries) == 2
    return [path for path in summaries if read_json(path)["resumed_at"]]


def read_without_times(summary: Path) -> dict:
    aside = {"resumed_at", *TIMINGS["training.json"]}
    return {name: value for name, value in read_json(summary).items() if name not in aside}


def test_nothing_is_left_behind(survivor):
    assert find_jobs(survivor) == []
    assert list(survivor.rglob("*.part")) == []
    assert list((survivor / "work").rglob("checkpoints")) == []
    assert "Nothing to be done" in run_snakemake(survivor, *KILLED)


def test_the_plain_command_needed_no_help(survivor):
    printed = (survivor / "terminal.txt").read_text(encoding="utf-8")
    assert printed.count("Building DAG of jobs") > KILLS // 2
    for hint in ("--unlock", "--rerun-incomplete", "LockException", "IncompleteFilesException"):
        assert hint not in printed
