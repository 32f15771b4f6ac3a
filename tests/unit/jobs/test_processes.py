"""What a process does to itself before it loads the libraries, and how processes keep out of each other's way."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from tunelab.errors import UserError
from tunelab.jobs import processes
from tunelab.jobs.processes import die_with_parent, held_lock, leave_out

SCRIPTS = Path(__file__).parents[3] / "scripts"
# touches 64 MB four times over; prints the page faults that each time took
TOUCH = """
import resource
from ctypes import CDLL, c_int, c_size_t, c_void_p
libc = CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = c_void_p, [c_size_t]
libc.memset.argtypes, libc.free.argtypes = [c_void_p, c_int, c_size_t], [c_void_p]
for _ in range(4):
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = libc.malloc(1 << 26)
    libc.memset(block, 1, 1 << 26)
    libc.free(block)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""
KEEP = (
    f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from tunelab.jobs.processes import keep_memory; keep_memory()"
)


def count_faults(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told so")
def test_memory_that_is_given_back_is_there_for_the_next_that_asks():
    anew, kept = count_faults(TOUCH), count_faults(KEEP + TOUCH)
    assert len(anew) == len(kept) == 4
    assert min(anew[1:]) > 10 * max(1, *kept[1:])


def test_a_package_that_is_left_out_is_not_there_for_those_who_look(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    leave_out("colorsys")
    assert find_spec("colorsys") is None
    with pytest.raises(ImportError):
        import colorsys
    del sys.modules["colorsys"]
    import colorsys  # noqa: F401

    leave_out("colorsys")  # what is loaded already stays
    assert sys.modules["colorsys"]


def run_child(code, *before, **environment):
    """Start Python with this code as the child of another Python; return its exit code."""
    parent = f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {code!r}]).returncode)"
    command = [*before, sys.executable, "-c", parent]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": str(SCRIPTS)} | environment, capture_output=True)


@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare gives a process the first number")
def test_a_job_may_be_the_child_of_the_first_process_of_a_container():
    apart = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("this machine makes no name spaces")
    done = run_child("import os; from tunelab.jobs.processes import *; die_with_parent(); print(os.getppid())", *apart)
    assert (done.returncode, done.stdout) == (0, b"1\n"), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
@pytest.mark.parametrize(("session_of_the_first", "ends"), [(1, True), (2, False)])
def test_an_orphan_ends_before_it_begins(monkeypatch, session_of_the_first, ends):
    told = []
    monkeypatch.setattr(processes.ctypes, "CDLL", lambda *_, **__: SimpleNamespace(prctl=lambda *_: 0))
    monkeypatch.setattr(os, "getppid", lambda: 1)
    monkeypatch.setattr(os, "getsid", {0: 2, 1: session_of_the_first}.get)
    monkeypatch.setattr(os, "kill", lambda *signalled: told.append(signalled))
    die_with_parent()
    assert bool(told) == ends


def refuse_locks(monkeypatch, number, place):
    """Have the file system of `place` answer every request for a lock with an error."""
    lock = fcntl.flock

    def answer(file, operation):
        if Path(file.name).is_relative_to(place):
            raise OSError(number, os.strerror(number))
        lock(file, operation)

    monkeypatch.setattr(processes.fcntl, "flock", answer)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_the_file_system_has_no_locks_one_beside_it_stands_in(tmp_path, monkeypatch, capsys, number):
    for name in ("work", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    refuse_locks(monkeypatch, number, tmp_path / "work")

    def refuse():
        raise UserError("busy")

    with (
        held_lock(tmp_path / "work/a.lock", refuse),
        pytest.raises(UserError, match="busy"),
        held_lock(tmp_path / "work/a.lock", refuse),
    ):
        raise AssertionError("two at a time")
    with held_lock(tmp_path / "work/a.lock", refuse), held_lock(tmp_path / "work/b.lock", refuse):
        pass
    assert "a.lock: the file system has no locks; use it from one machine at a time." in capsys.readouterr().err


def test_work_goes_on_where_no_place_has_locks(tmp_path, monkeypatch):
    refuse_locks(monkeypatch, errno.ENOSYS, "/")
    with held_lock(tmp_path / "a.lock", pytest.fail), held_lock(tmp_path / "a.lock", pytest.fail):
        pass


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_lock_file_of_somebody_else_is_a_sentence(tmp_path, monkeypatch, number):
    def refuse(path, *_, **__):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UserError) as refusal, held_lock(tmp_path / "running.lock", pytest.fail):
        pass
    monkeypatch.undo()
    assert f"running.lock may not be read or written ({os.strerror(number)})" in str(refusal.value)
    assert "a clone of your own" in str(refusal.value)


def test_a_full_disk_is_not_told_as_a_lack_of_rights(tmp_path, monkeypatch):
    def fill(path, *_, **__):
        raise OSError(errno.ENOSPC, "full", str(path))

    monkeypatch.setattr("builtins.open", fill)
    with pytest.raises(OSError, match="full"), held_lock(tmp_path / "running.lock", pytest.fail):
        pass
    monkeypatch.undo()
