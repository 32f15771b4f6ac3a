import pytest
from smoke_study import NO_NETWORK, SMOKE

from tests import forks
from tests.study_copy import copy_project, run_forks


@pytest.fixture(scope="session", autouse=True)
def libraries():
    forks.preload(*forks.LIBRARIES)


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project in which the smoke study ran from end to end; whoever changes it takes a copy."""
    folder = copy_project(tmp_path_factory.mktemp("smoke"))
    printed = run_forks(folder, *SMOKE, **NO_NETWORK)
    assert "82 of 82 steps (100%) done" in printed
    return folder
