import pytest
from smoke_study import NO_NETWORK, SMOKE

from tests.dag.study_copy import copy_project, run_snakemake


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project in which the smoke study ran from end to end."""
    folder = copy_project(tmp_path_factory.mktemp("smoke"))
    printed = run_snakemake(folder, *SMOKE, **NO_NETWORK)
    assert "82 of 82 steps (100%) done" in printed
    return folder
