import pytest
from smoke_study import NO_NETWORK, SMOKE

from tests.shared_folder import build_once
from tests.study_copy import copy_project, run_forks


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project in which the smoke study ran from end to end; whoever changes it takes a copy."""
    return build_once(tmp_path_factory, "smoke", run_study)


def run_study(folder):
    printed = run_forks(copy_project(folder), *SMOKE, **NO_NETWORK)
    assert "(87 of 87 jobs)" in printed
