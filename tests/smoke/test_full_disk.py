"""A disk that fills up while a job writes: a sentence, nothing half-written, and the same command goes on later."""

import subprocess

import pytest
from smoke_study import SMOKE

from tests import forks
from tests.study_copy import PROJECT, copy_project

pytestmark = pytest.mark.smoke
TARGETS = ("results/smoke/datasets/sums/test_dataset.json", "results/smoke/models/tiny/card.json")


@pytest.fixture
def project(tmp_path):
    """A copy of the project whose results lie on a disk of 256 kB."""
    folder = copy_project(tmp_path / "project")
    (folder / "results").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder / "results")]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder / "results")], check=True)


def run_smoke(folder):
    program = str(PROJECT / "tests/forked_snakemake.py")
    return forks.read_python(folder, program, *TARGETS, *SMOKE, loaded=forks.LIBRARIES)


def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing_half_written(project):
    code, printed = run_smoke(project)
    assert code == 1
    assert "fetch_model tiny: The disk is full. Free some space" in printed
    assert not (project / "results/smoke/models/tiny/card.json").exists()
    assert not list((project / "results").rglob("*.safetensors"))
    assert not list((project / "results").rglob("*.part"))

    subprocess.run(["mount", "-o", "remount,size=16m", str(project / "results")], check=True)
    code, printed = run_smoke(project)
    assert code == 0, printed
    assert all((project / target).exists() for target in TARGETS)
