"""What a job's process does to itself before it loads the libraries."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tunelab.jobs.processes import leave_out

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
    monkeypatch.delitem(sys.modules, "colorsys")
    import colorsys  # noqa: F401

    leave_out("colorsys")  # what is loaded already stays
    assert sys.modules["colorsys"]
