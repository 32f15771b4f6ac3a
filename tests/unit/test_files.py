"""Files are linked where that is possible and copied elsewhere; places that cannot be written are reported."""

import errno
import os

import pytest

from tunelab.errors import UserError
from tunelab.files import check_writable, link_or_copy, link_tree, point_or_copy

NUMBERS = [errno.EXDEV, errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK, errno.EACCES, errno.EINVAL]


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").write_text("weights")
    return tmp_path / "source"


def refuse(monkeypatch, name, number):
    def answer(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, answer)


def test_a_file_lies_on_the_disk_once_where_that_can_be(source, tmp_path):
    link_or_copy(source, tmp_path / "second")
    point_or_copy(source, tmp_path / "third")
    assert os.path.samefile(source, tmp_path / "second")
    assert (tmp_path / "third").is_symlink() and (tmp_path / "third").read_text() == "weights"


@pytest.mark.parametrize("number", NUMBERS)
def test_where_there_are_no_links_files_are_copied(source, tmp_path, monkeypatch, number):
    refuse(monkeypatch, "link", number)
    refuse(monkeypatch, "symlink", number)
    link_or_copy(source, tmp_path / "second")
    point_or_copy(source, tmp_path / "third")
    for name in ("second", "third"):
        copied = tmp_path / name
        assert copied.read_text() == "weights" and copied.stat().st_nlink == 1 and not copied.is_symlink()


def test_a_folder_is_copied_file_by_file(source, tmp_path, monkeypatch):
    refuse(monkeypatch, "link", errno.EXDEV)
    (tmp_path / "folder/inner").mkdir(parents=True)
    source.rename(tmp_path / "folder/inner/file")
    link_tree(tmp_path / "folder", tmp_path / "kept/folder")
    assert (tmp_path / "kept/folder/inner/file").read_text() == "weights"


def test_what_hinders_the_copy_too_is_said_and_leaves_no_half(source, tmp_path, monkeypatch):
    refuse(monkeypatch, "link", errno.EXDEV)

    def fill(source, target):
        target.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", fill)
    with pytest.raises(OSError, match="No space left"):
        link_or_copy(source, tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_a_file_that_is_there_is_not_written_over(source, tmp_path):
    (tmp_path / "second").write_text("other")
    with pytest.raises(FileExistsError):
        link_or_copy(source, tmp_path / "second")
    assert (tmp_path / "second").read_text() == "other"


@pytest.mark.parametrize("locked", ["kept", "kept/models", "file"])
def test_a_place_of_another_user_is_named(tmp_path, monkeypatch, locked):
    (tmp_path / "kept/models").mkdir(parents=True)
    (tmp_path / "kept/report.html").touch()
    (tmp_path / "file").touch()
    places = [tmp_path / "kept", tmp_path / "file", tmp_path / "new/folder"]
    check_writable(*places)
    allowed = os.access
    refused = tmp_path / locked
    monkeypatch.setattr(os, "access", lambda path, mode: allowed(path, mode) and (path != refused or mode != os.W_OK))
    with pytest.raises(
        UserError, match=rf"{locked} may not be read or written \(Permission denied\).*a clone of your own"
    ):
        check_writable(*places)


def test_a_file_that_is_only_read_hinders_nothing_that_replaces_it(tmp_path, monkeypatch):
    (tmp_path / "report.html").touch()
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: allowed(path, mode) and path.name != "report.html")
    check_writable(tmp_path)
