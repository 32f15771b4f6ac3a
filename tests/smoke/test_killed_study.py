"""The smoke study, killed twenty times in every way and started again with the plain command each time."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from smoke_study import NO_NETWORK, SMOKE

from tests.dag.study_copy import copy_project, run_snakemake
from tunelab.records import read_json, read_jsonl

pytestmark = pytest.mark.smoke
KILLS, SEED = 20, 3
# files that hold times, places or what was done when; of the rest every byte must be equal
TIMED = {"cost.csv", "report.html", "generation.json", "training.json", "history.jsonl"}
SPEEDS = ("seconds", "step_time", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second")
NOTES = {"logs", "benchmarks", "cards", "tensorboard"}


def start_study(folder: Path) -> subprocess.Popen:
    inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "HF_HUB_OFFLINE")}
    with open(folder / "terminal.txt", "a", encoding="utf-8") as terminal:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *SMOKE],
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


def kill_study(study: subprocess.Popen, folder: Path, way: str, moment: random.Random) -> None:
    """Do one kind of harm. After all but the first kind the study ends, at once or when its running jobs have."""
    if way == "a job":
        if jobs := find_jobs(folder):
            moment.choice(jobs).kill()
        return
    if way == "Snakemake":
        study.kill()
    elif way == "everything":
        os.killpg(study.pid, signal.SIGKILL)
    elif way == "Ctrl-C":
        os.killpg(study.pid, signal.SIGINT)
    elif way == "SIGTERM":
        study.terminate()
    study.wait()


@pytest.fixture(scope="session")
def survivor(tmp_path_factory):
    """A copy of the project whose smoke study was killed at twenty random moments before it was let finish."""
    folder = copy_project(tmp_path_factory.mktemp("killed"))
    moment, study, harm = random.Random(SEED), None, []
    ways = ["a job", "Snakemake", "everything", "Ctrl-C", "SIGTERM"] * (KILLS // 5)
    moment.shuffle(ways)
    while len(harm) <= KILLS:
        if study is not None and study.poll() == 0:  # a machine faster than the harm starts over
            shutil.rmtree(folder / "results")
            shutil.rmtree(folder / "work")
        if study is None or study.poll() is not None:
            study = start_study(folder)
        if len(harm) == 4:  # one moment is not left to chance: in the middle of the longest training
            wait_for_checkpoint(study, folder)
            ways.insert(4, "everything")
        else:
            time.sleep(moment.uniform(3, 12))
        if study.poll() is None:
            kill_study(study, folder, ways[len(harm)], moment)
            harm.append(ways[len(harm)])
    if study.poll() is None:
        kill_study(study, folder, "everything", moment)
    with open(folder / "terminal.txt", "a", encoding="utf-8") as terminal:
        terminal.write("--- the last start ---\n")
    run_snakemake(folder, *SMOKE, **NO_NETWORK)
    return folder


def wait_for_checkpoint(study: subprocess.Popen, folder: Path) -> None:
    while study.poll() is None and not list((folder / "work/kept").glob("*/checkpoints/checkpoint-6/state.json")):
        time.sleep(0.05)


def list_results(folder: Path) -> dict[str, bytes]:
    root = folder / "results/smoke"
    names = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    kept = [name for name in names if not NOTES & set(name.parts) and name.name != ".snakemake_timestamp"]
    return {name.as_posix(): (root / name).read_bytes() for name in kept}


def test_a_study_killed_twenty_times_has_the_results_of_one_that_was_left_alone(survivor, project):
    killed, whole = list_results(survivor), list_results(project)
    assert killed.keys() == whole.keys()
    assert len(whole) > 100
    differing = [name for name in whole if killed[name] != whole[name] and Path(name).name not in TIMED]
    assert differing == []


def test_its_histories_differ_in_seconds_only(survivor, project):
    histories = sorted((project / "results/smoke/runs").rglob("history.jsonl"))
    assert len(histories) == 4
    for path in histories:
        killed = survivor / path.relative_to(project)
        steps = [[drop(row, *SPEEDS) for row in read_jsonl(file)] for file in (path, killed)]
        assert steps[0] == steps[1], path


def drop(row: dict, *names: str) -> dict:
    return {name: value for name, value in row.items() if not name.startswith(names)}


def test_nothing_is_left_behind(survivor):
    assert find_jobs(survivor) == []
    assert list(survivor.rglob("*.part")) == []
    assert list((survivor / "work").rglob("checkpoints")) == []
    assert "Nothing to be done" in run_snakemake(survivor, *SMOKE)


def test_the_plain_command_needed_no_help(survivor):
    printed = (survivor / "terminal.txt").read_text(encoding="utf-8")
    assert printed.count("Building DAG of jobs") >= KILLS // 2
    for hint in ("--unlock", "--rerun-incomplete", "LockException", "IncompleteFilesException"):
        assert hint not in printed


def test_some_training_went_on_from_a_checkpoint(survivor):
    summaries = sorted((survivor / "results/smoke/runs").rglob("training.json"))
    assert any(read_json(path)["resumed_at"] for path in summaries)
