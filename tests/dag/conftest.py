import shutil

import pytest

from tests.shared_folder import build_once
from tests.study_copy import copy_project, plan, run_stubs


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project in which nothing was run."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A copy of the project with its default study finished, by jobs that only write files."""
    made = build_once(tmp_path_factory, "finished_by_stubs", finish_study)
    return shutil.copytree(made, tmp_path_factory.mktemp("finished") / "project", symlinks=True)


def finish_study(folder):
    run_stubs(copy_project(folder), "--cores", "2")
    assert plan(folder) == set()
