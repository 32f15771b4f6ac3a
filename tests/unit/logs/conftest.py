"""Copies of the files of other tools, which a test may change."""

import shutil
from pathlib import Path

import pytest
from logs.log_files import FIXTURES

from tunelab.logs.opening import import_zipfile


@pytest.fixture
def harness(tmp_path) -> Path:
    """A copy of the folder that lm-eval wrote."""
    return Path(shutil.copytree(FIXTURES / "lm_eval", tmp_path / "lm_eval"))


@pytest.fixture
def repack(tmp_path):
    """Return a function that writes Inspect's archive again, with entries changed by `change(entries)`."""
    zipfile = import_zipfile(FIXTURES)

    def write(change, compression=zipfile.ZIP_DEFLATED) -> Path:
        with zipfile.ZipFile(FIXTURES / "inspect/sums.eval") as archive:
            entries = [(name, archive.read(name).decode()) for name in archive.namelist()]
        path = tmp_path / "changed.eval"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, text in change(entries):
                archive.writestr(name, text)
        return path

    return write
