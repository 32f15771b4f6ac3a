import pytest

from tests.study_copy import copy_project, plan, run_stubs


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project in which nothing was run."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A copy of the project with its default study finished, by jobs that only write files."""
    folder = copy_project(tmp_path_factory.mktemp("finished"))
    run_stubs(folder, "--cores", "2")
    assert plan(folder) == set()
    return folder
