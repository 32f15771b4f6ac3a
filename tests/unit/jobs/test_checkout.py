"""The commit that a card records is this project's own, or none."""

import subprocess

import pytest

from tunelab.jobs.checkout import run_git

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b.example")


def commit(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "file").write_text(folder.name)
    for command in (["init", "-q"], ["add", "file"], [*IDENTITY, "commit", "-qm", folder.name]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    return run_git(folder, "rev-parse", "HEAD")


def test_a_folder_unpacked_inside_another_repository_has_no_commit(tmp_path):
    commit(tmp_path / "outer")
    (tmp_path / "outer/unpacked").mkdir()
    with pytest.raises(subprocess.CalledProcessError):
        run_git(tmp_path / "outer/unpacked", "rev-parse", "HEAD")


def test_neither_a_repository_around_it_nor_a_hook_of_another_changes_the_answer(tmp_path, monkeypatch):
    outer, inner = commit(tmp_path / "outer"), commit(tmp_path / "outer/inner")
    assert outer != inner
    (tmp_path / "link").symlink_to(tmp_path / "outer/inner")
    for name, value in (("GIT_DIR", ".git"), ("GIT_WORK_TREE", "."), ("GIT_INDEX_FILE", ".git/index")):
        monkeypatch.setenv(name, str(tmp_path / "outer" / value))
    assert run_git(tmp_path / "outer/inner", "rev-parse", "HEAD") == inner
    assert run_git(tmp_path / "link", "rev-parse", "HEAD") == inner
    assert run_git(tmp_path / "outer/inner", "status", "--porcelain") == ""
