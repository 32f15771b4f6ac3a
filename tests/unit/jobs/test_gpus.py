"""GPUs are shared out among processes, one each, and come back when their holders die."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunelab.errors import UserError
from tunelab.jobs import hardware
from tunelab.jobs.hardware import list_gpus, read_listing, take_gpus

SCRIPTS = Path(__file__).parents[3] / "scripts"
# takes a GPU, tells which, and holds it for a while
HOLDER = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tunelab.jobs import hardware
hardware.PAUSE = 0.01
taken = hardware.take_gpus(int(sys.argv[3]), lambda: print("waits", flush=True), folder=Path(sys.argv[2]))
begin = time.time()
print(json.dumps([taken, os.environ["CUDA_VISIBLE_DEVICES"]]), flush=True)
time.sleep(float(sys.argv[4]))
print(json.dumps([begin, time.time()]), flush=True)
"""
LISTING = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb)
  MIG 3g.40gb     Device  0: (UUID: MIG-cccc)
  MIG 3g.40gb     Device  1: (UUID: MIG-dddd)
"""


@pytest.mark.parametrize(
    ("visible", "listed"),
    [("0,1", ["0", "1"]), ("GPU-aaaa, 2", ["GPU-aaaa", "2"]), ("", []), ("1,-1,0", ["1"]), ("-1", [])],
)
def test_what_is_set_already_is_all_there_is(visible, listed):
    assert list_gpus({"CUDA_VISIBLE_DEVICES": visible}) == listed


def test_parts_of_a_divided_gpu_stand_for_it():
    assert read_listing(LISTING) == {"0": "GPU-aaaa", "MIG-cccc": "MIG-cccc", "MIG-dddd": "MIG-dddd"}
    assert read_listing("") == {}


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Return a function that puts a script in the place of nvidia-smi."""
    program = tmp_path / "bin/nvidia-smi"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    def write(script):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return write


def list_as(text):
    return f"cat <<'END'\n{text}END"


def test_the_driver_is_asked_where_nothing_is_set(driver):
    driver(list_as(LISTING))
    assert list_gpus({}) == ["0", "MIG-cccc", "MIG-dddd"]


def test_a_driver_that_does_not_work_is_told(driver, capsys):
    driver("echo 'NVIDIA-SMI has failed' >&2\nexit 9")
    assert list_gpus({}) == []
    assert "nvidia-smi does not work here" in capsys.readouterr().err


def test_two_jobs_of_a_cluster_that_each_see_a_gpu_of_their_own_as_the_first_do_not_wait(driver, start):
    holders = []
    for identifier in ("GPU-aaaa", "GPU-bbbb"):  # each job's own view of the machine
        driver(list_as(f"GPU 0: NVIDIA H100 (UUID: {identifier})\n"))
        holders.append(start("0"))
        assert holders[-1].stdout.readline() == '[["0"], "0"]\n'
    third = start("0")  # it sees the second one's
    assert third.stdout.readline() == "waits\n"


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a process which holds `count` of the GPUs for so many seconds."""
    started = []

    def begin(visible, count=1, seconds=60.0):
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, SCRIPTS, tmp_path, str(count), str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": visible},
        )
        started.append(holder)
        return holder

    yield begin
    for holder in started:
        holder.kill()
        holder.communicate()


def read_taken(holder):
    line = holder.stdout.readline()
    if line == "waits\n":
        line = holder.stdout.readline()
    taken, visible = json.loads(line)
    assert visible == ",".join(taken)
    return taken


def test_eight_processes_share_three_gpus_and_none_is_used_twice_at_a_time(start):
    holders = [start("0,1,2", seconds=0.3) for _ in range(8)]
    times = {}
    for holder in holders:
        (gpu,) = read_taken(holder)
        times.setdefault(gpu, []).append(json.loads(holder.stdout.readline()))
        assert holder.wait() == 0
    assert set(times) == {"0", "1", "2"}
    assert sum(map(len, times.values())) == 8
    for spans in times.values():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_the_gpu_of_a_killed_process_is_free_at_once(start):
    first, second = start("0,1"), start("0,1")
    held = [read_taken(holder)[0] for holder in (first, second)]
    assert set(held) == {"0", "1"}
    third = start("0,1")
    assert third.stdout.readline() == "waits\n"
    time.sleep(0.2)
    assert third.poll() is None
    first.send_signal(signal.SIGKILL)
    assert read_taken(third) == held[:1]


def test_jobs_of_a_study_that_may_use_more_than_there_are_share_them_evenly(start, monkeypatch):
    monkeypatch.setenv("TUNELAB_JOBS_PER_GPU", "2")
    taken = []
    for _ in range(4):
        taken.append(json.loads(start("0,1").stdout.readline()))  # none waits
    assert [named for named, _ in taken] == [["0"], ["1"], ["0"], ["1"]]
    assert start("0,1").stdout.readline() == "waits\n"


class Limit:
    def __init__(self, value):
        self.value = value


@pytest.mark.parametrize(("limit", "claim", "share"), [(8, 1, "4"), (2, 1, "1"), (3, 1, "2"), (0, 0, "0")])
def test_a_limit_above_the_number_of_gpus_says_how_many_jobs_share_one(monkeypatch, limit, claim, share):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("TUNELAB_JOBS_PER_GPU", "?")
    assert hardware.promise_gpus({"gpu": Limit(limit)}, cluster=False) == claim
    assert os.environ["TUNELAB_JOBS_PER_GPU"] == share


def test_jobs_that_want_several_get_them_together(start):
    single = start("0,1", seconds=0.4)
    assert len(read_taken(single)) == 1
    pairs = [start("0,1", count=2, seconds=0.2) for _ in range(2)]
    assert all(read_taken(pair) == ["0", "1"] for pair in pairs)


def test_a_job_without_a_claim_sees_no_gpu():
    environment = {"CUDA_VISIBLE_DEVICES": "0,1"}
    assert take_gpus(0, pytest.fail, environment) == []
    assert environment["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize(
    ("count", "visible", "told"), [(1, "", "on a GPU, and there is none here"), (3, "0,1", "there are 2 here")]
)
def test_a_job_that_finds_too_few_stops_with_a_sentence(tmp_path, count, visible, told):
    environment = {"CUDA_VISIBLE_DEVICES": visible}
    with pytest.raises(UserError, match=rf"{told} \(CUDA_VISIBLE_DEVICES={visible}\).*set the resource `gpu` to 0"):
        take_gpus(count, pytest.fail, environment, tmp_path)


def test_the_libraries_count_as_the_driver_does(tmp_path):
    environment = {"CUDA_VISIBLE_DEVICES": "1"}
    take_gpus(1, pytest.fail, environment, tmp_path)
    hardware._held.clear()
    assert environment == {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
