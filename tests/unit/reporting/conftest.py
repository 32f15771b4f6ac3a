"""The made-up study that most tests of the page read, made once, and a copy of it for each test that changes it."""

import copy
import functools
import shutil

import pytest
from jinja2 import Environment
from jinja2.bccache import Bucket, BytecodeCache

from tests.unit.reporting.page_factory import prepare_study
from tunelab.reporting import report


class CompiledOnce(BytecodeCache):
    """What jinja2 made of each template, for all pages that a test session renders."""

    def __init__(self):
        self.compiled = {}

    def get_bucket(self, environment, name, filename, source):
        key = (name, source, environment.autoescape, *sorted(environment.extensions))
        bucket = Bucket(environment, key, checksum="")
        bucket.code = self.compiled.get(key)
        return bucket

    def set_bucket(self, bucket):
        self.compiled[bucket.key] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def compiled_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "Environment", functools.partial(Environment, bytecode_cache=CompiledOnce()))
        yield


@pytest.fixture(scope="session")
def made_study(tmp_path_factory):
    """The folder of results and the study; who changes either takes `changed_study`."""
    root = tmp_path_factory.mktemp("made")
    return root, prepare_study(root)


@pytest.fixture
def changed_study(made_study, tmp_path):
    root, study = made_study
    return shutil.copytree(root, tmp_path / "results"), copy.deepcopy(study)
