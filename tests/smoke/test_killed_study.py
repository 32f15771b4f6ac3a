"""The smoke study, killed twenty times in every way and started again with the plain command each time."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from smoke_study import NO_NETWORK, SMOKE

from tests.study_copy import PROJECT, copy_project, run_snakemake
from tunelab.records import read_json
from tunelab.upkeep.reproduction import TIMINGS, compare_studies

pytestmark = pytest.mark.smoke
KILLS, SEED = 20, 3
IN_TRAINING = 4  # after so many, one kill more is not left to chance: in the middle of the longest training
RESULTS = "results/smoke"
KILLED = (*SMOKE, str(PROJECT / "tests/smoke/killed.yaml"))
# what the study that is killed does without, and what quotes it
ASIDE = re.compile(r"noise/|.*(drift|samples|sample_scores)\.jsonl|results\.json|tables/(estimates|contrasts)\.csv")


def start_study(folder: Path) -> subprocess.Popen:
    inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "HF_HUB_OFFLINE")}
    with open(folder / "terminal.txt", "a", encoding="utf-8") as terminal:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *KILLED],
            cwd=folder,
            env=inherited | NO_NETWORK,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,  # a group of its own, as a terminal gives it
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
    if way == "Snakemake":
        study.kill()
    elif way == "everything":
        os.killpg(study.pid, signal.SIGKILL)
    elif way == "Ctrl-C":
        os.killpg(study.pid, signal.SIGINT)
    elif way == "SIGTERM":
        study.terminate()
    study.wait()
    return True


@pytest.fixture(scope="session")
def survivor(tmp_path_factory):
    """A copy of the project whose smoke study was killed at twenty random moments before it was let finish."""
    folder = copy_project(tmp_path_factory.mktemp("killed"))
    moment, study, harm = random.Random(SEED), None, []
    ways = ["a job", "Snakemake", "everything", "Ctrl-C", "SIGTERM"] * (KILLS // 5)
    moment.shuffle(ways)
    ways.insert(IN_TRAINING, "everything")
    while len(harm) < len(ways):
        if study is not None and study.poll() == 0:  # a machine faster than the harm starts over
            shutil.rmtree(folder / "results")
            shutil.rmtree(folder / "work")
        if study is None or study.poll() is not None:
            study = start_study(folder)
        if len(harm) == IN_TRAINING:
            wait_for_checkpoint(study, folder)
        else:
            time.sleep(moment.uniform(3, 9))
        if study.poll() is None and kill_study(study, folder, ways[len(harm)], moment):
            harm.append(ways[len(harm)])
    if study.poll() is None:
        kill_study(study, folder, "everything", moment)
    with open(folder / "terminal.txt", "a", encoding="utf-8") as terminal:
        terminal.write("--- the last start ---\n")
    run_snakemake(folder, *KILLED, **NO_NETWORK)
    return folder


def wait_for_checkpoint(study: subprocess.Popen, folder: Path) -> None:
    while study.poll() is None and not list((folder / "work/kept").glob("*/checkpoints/checkpoint-6/state.json")):
        time.sleep(0.05)


def test_a_study_killed_twenty_times_has_the_results_of_one_that_was_left_alone(survivor, project):
    compared = compare_studies(survivor / RESULTS, project / RESULTS)
    assert sum(map(len, compared.values())) > 100
    differing = {
        path for files in compared.values() for path, same in files.items() if not same and not ASIDE.match(path)
    }
    # what may be told apart is which training went on, and from where
    resumed = {path.relative_to(survivor / RESULTS).as_posix() for path in find_resumed(survivor)}
    assert resumed
    assert differing == resumed
    for name in resumed:
        assert read_without_times(survivor / RESULTS / name) == read_without_times(project / RESULTS / name)


def find_resumed(folder: Path) -> list[Path]:
    summaries = sorted((folder / RESULTS / "runs").rglob("training.json"))
    assert len(summaries) == 4
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
    assert printed.count("Building DAG of jobs") >= KILLS // 2
    for hint in ("--unlock", "--rerun-incomplete", "LockException", "IncompleteFilesException"):
        assert hint not in printed
