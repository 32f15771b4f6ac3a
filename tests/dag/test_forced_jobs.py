"""What is asked for by `--forcerun`, `--forceall` or `--force` knows it; what follows or was merely stale does not."""

import pytest

from tests.forks import read_python
from tests.study_copy import PROJECT, copy_project

ROWS = "results/datasets/sums/test_dataset.json"
FETCHED, PREPARED = "fetch_dataset: forced", "prepare_dataset: forced"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], {"fetch_dataset: not forced", "prepare_dataset: not forced"}),
        (["--forcerun", "fetch_dataset"], {FETCHED, "prepare_dataset: not forced"}),
        (["--forcerun", "fetch_dataset", "prepare_dataset"], {FETCHED, PREPARED}),
        (["--forcerun", "./results/datasets/sums/card.json"], {FETCHED, "prepare_dataset: not forced"}),
        (["--force"], {PREPARED}),
        (["--forceall"], {FETCHED, PREPARED}),
    ],
)
def test_a_job_knows_whether_it_was_forced(folder, arguments, told):
    program = str(PROJECT / "tests/dag/forced_snakemake.py")
    code, printed = read_python(folder, program, ROWS, "--cores", "1", *arguments)
    assert code == 0, printed
    assert {line for line in printed.splitlines() if line.endswith("forced")} == told
