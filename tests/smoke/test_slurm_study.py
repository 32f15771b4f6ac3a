"""A study on a real Slurm: queued, edited while it waits, cancelled, orphaned, and the same as on this machine."""

import os
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from slurm_cluster import Cluster, explain_lacking
from slurm_cluster import wait_for as wait
from smoke_study import NO_NETWORK

from tests import forks
from tests.study_copy import PROJECT, changed_file, copy_project
from tunelab.records import read_json
from tunelab.upkeep.verification import compare_studies

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.skipif(bool(explain_lacking()), reason=explain_lacking() or ""),
]
RESULTS = "results/smoke"
CHECKPOINTS = "work/kept/train_sft-*/checkpoints/checkpoint-*/state.json"
ARGUMENTS = (
    # as many threads as the study has that it is compared with, since sums round by how they are divided
    *("--profile", "profiles/slurm", "--resources", "gpu=0", "--max-threads", "2"),
    *("--set-threads", "generate_answers=1", "measure_loss=1", "measure_precision=1"),
    *("--default-resources", "slurm_partition=main"),
    # there is no accounting here
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"),
    *("--configfile", "config/smoke.yaml", "slurm.yaml"),
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    running = Cluster(tmp_path_factory.mktemp("slurm"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A Python that has what this one has, and what requirements-slurm.lock adds."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    place = folder / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    (place / "shared.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    lock = PROJECT / "requirements-slurm.lock"
    done = subprocess.run([folder / "bin/python", PROJECT / "envs/install.py", lock], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "bin/python"


def start_study(folder: Path, cluster: Cluster, python: Path) -> subprocess.Popen:
    """Start Snakemake with the cluster; what it leaves on this machine runs in forks."""
    inherited = {name: value for name, value in os.environ.items() if name not in forks.SET_FOR_TESTS}
    path = os.pathsep.join([str(cluster.path), os.environ["PATH"]])
    with open(folder / "terminal.txt", "a", encoding="utf-8") as terminal:
        return subprocess.Popen(
            [python, PROJECT / "tests/forked_snakemake.py", *ARGUMENTS],
            cwd=folder,
            env=inherited | NO_NETWORK | {"PATH": path, forks.ADDRESS: forks.find_server(forks.LIBRARIES)},
            stdout=terminal,
            stderr=terminal,
        )


def read_terminal(folder: Path) -> str:
    return (folder / "terminal.txt").read_text(encoding="utf-8")


def find_job(cluster: Cluster, name: str, *states: str) -> str | None:
    return next((number for number, told in cluster.list_jobs(*states).items() if name in told), None)


@pytest.fixture(scope="module")
def study(tmp_path_factory, cluster, python):
    """A study that came to its page on the cluster in spite of all that was done to it."""
    folder = copy_project(tmp_path_factory.mktemp("on_slurm"))
    shutil.copy(PROJECT / "tests/smoke/slurm.yaml", folder)
    cluster.drain()
    running = start_study(folder, cluster, python)

    def wait_for(has_come, what):
        wait(lambda: has_come() or running.poll() is not None, what)
        assert running.poll() is None, read_terminal(folder)[-4000:]

    wait_for(lambda: cluster.list_jobs("pending"), "a job in the queue")
    with changed_file(folder / "config/smoke.yaml", "max_steps: 80", "max_steps: 81"):
        cluster.resume()
        wait_for(lambda: list(folder.glob(CHECKPOINTS)), "a checkpoint")
        number = find_job(cluster, "train_sft", "running")
        cluster.call("scancel", number)
        wait_for(lambda: find_job(cluster, "train_sft", "running") not in (number, None), "the next attempt")
    wait_for(lambda: "step 70 of 80" in read_terminal(folder), "the training")
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert find_job(cluster, "train_sft", "running")
    last = start_study(folder, cluster, python)
    assert last.wait(timeout=600) == 0, read_terminal(folder)[-4000:]
    return folder


def test_it_came_to_its_page_with_the_results_of_one_that_ran_here(study, project):
    assert (study / RESULTS / "report.html").stat().st_size > 100_000
    compared = compare_studies(study / RESULTS, project / RESULTS)
    common = {
        path: same
        for files in compared.values()
        for path, same in files.items()
        if path.startswith(("datasets/", "runs/")) and (study / RESULTS / path).exists()
    }
    assert len(common) > 20
    assert [path for path, same in common.items() if not same] == ["runs/warmstart/seed1/training.json"]


def test_only_what_takes_long_went_to_the_cluster(study, cluster):
    rules = {told.split("_wildcards")[0].removeprefix("rule_") for told in cluster.list_jobs().values()}
    assert rules == {"measure_precision", "train_sft", "generate_answers", "measure_loss"}


def test_an_edit_while_jobs_wait_reaches_none_of_them(study):
    card = read_json(study / RESULTS / "cards/train/warmstart_seed1.json")
    assert "runs.warmstart.training.max_steps = 80" in card["facts"]
    assert card["threads"] == 2  # of the eight that it would have claimed


def test_a_cancelled_training_went_on_from_its_checkpoint(study):
    assert read_json(study / RESULTS / "runs/warmstart/seed1/training.json")["resumed_at"]
