"""The made-up study that most tests of the page read, made once, and a copy of it for each test that changes it."""

import copy
import shutil

import pytest

from tests.unit.reporting.page_factory import prepare_study


@pytest.fixture(scope="session")
def made_study(tmp_path_factory):
    """The folder of results and the study; who changes either takes `changed_study`."""
    root = tmp_path_factory.mktemp("made")
    return root, prepare_study(root)


@pytest.fixture
def changed_study(made_study, tmp_path):
    root, study = made_study
    return shutil.copytree(root, tmp_path / "results"), copy.deepcopy(study)
