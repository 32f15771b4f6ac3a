"""A job that several processes do together, as Snakemake starts one: a script that starts itself again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tunelab import records
from tunelab.jobs.failures import find_reason

SCRIPTS = Path(__file__).parents[3] / "scripts"
SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, {scripts!r})
from tunelab.errors import UserError
from tunelab.jobs.hardware import is_promised
from tunelab.jobs.job import report_progress, run_as_job
from tunelab.jobs.processes import BeginAgain, count_processes, is_first


class Named(dict):
    def __iter__(self):
        return iter(self.values())

    def __getattr__(self, name):
        return self[name]


def main(history, checkpoints, run):
    rank = int(os.environ["RANK"])
    checkpoints.mkdir(exist_ok=True, parents=True)
    (checkpoints / f"process{{rank}}").write_text(str(os.getpid()))
    others = [checkpoints / f"process{{other}}" for other in range(count_processes())]
    while not all(other.exists() and other.read_text() for other in others):
        time.sleep(0.01)
{body}


job = SimpleNamespace(
    rule="train_sft",
    input=Named(),
    output=Named(history="results/history.txt"),
    params=Named(facts=[], spec=SimpleNamespace(processes=2)),
    wildcards=Named(run="lora"),
    log=["results/logs/train/job.log"],
    threads=4,
    resources={resources},
)
run_as_job(main, job, keep=True)
"""
LOG = "results/logs/train/job.log"
WAIT = "time.sleep(600)"


def start(folder, body, resources="{}", **environment):
    (folder / "results").mkdir()
    (folder / "job.py").write_text(SCRIPT.format(scripts=str(SCRIPTS), body=body, resources=resources))
    return subprocess.Popen(
        [sys.executable, folder / "job.py"],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "4", "TMPDIR": str(folder)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def indent(*lines):
    return "\n".join(f"    {line}" for line in lines)


def find_processes(folder, job, count=2):
    files = []
    while len(files) < count or not all(file.read_text() for file in files):
        assert job.poll() is None, (folder / LOG).read_text()
        time.sleep(0.05)
        files = list(folder.glob("work/kept/*/checkpoints/process*"))
    return [psutil.Process(int(file.read_text())) for file in files]


SEEN = "(os.environ['OMP_NUM_THREADS'], os.environ['CUDA_VISIBLE_DEVICES'], count_processes(), is_promised())"


@pytest.mark.parametrize(
    ("resources", "visible", "seen"),
    [("{}", "5,7", ("2", "", 2, False)), ("{'gpu': 2}", "5,7,9", ("2", "5,7", 2, True))],
    ids=["without GPUs", "with a GPU each"],
)
def test_each_process_does_the_work_and_the_job_keeps_the_result(tmp_path, resources, visible, seen):
    body = indent("report_progress('works')", f"print('seen', {SEEN})", "if is_first(): history.write_text(run)")
    job = start(tmp_path, body, resources, CUDA_VISIBLE_DEVICES=visible)
    printed, _ = job.communicate()
    log = (tmp_path / LOG).read_text()
    assert (job.returncode, printed) == (0, b""), log
    assert log.count("[train_sft lora] works\n") == 1
    assert log.count("[train_sft lora] 2 processes share the work\n") == 1
    assert log.count(f"seen {seen}\n") == 2
    assert (tmp_path / "results/history.txt").read_text() == "lora"
    assert records.read_json(tmp_path / "results/cards/train/job.json")["threads"] == 4
    assert [file.name for file in tmp_path.glob("work/kept/*/outputs/*")] == ["history"]


FAILURES = {
    "a sentence, though the other fails by it": (
        indent(
            "if rank: raise UserError('row 3 is empty; fill it in')",
            "while not Path(os.environ['TUNELAB_LAUNCHED_TOLD']).exists(): time.sleep(0.01)",
            "raise RuntimeError('connection closed by peer')",
        ),
        "row 3 is empty; fill it in",
    ),
    "a sentence for want of memory": (
        indent("if rank: raise RuntimeError('CUDA out of memory')", WAIT),
        "Out of memory. Lower the run's training.per_device_train_batch_size",
    ),
    "a traceback": (indent("if rank: raise ValueError('broken')", WAIT), "ValueError: broken"),
    "a kill": (
        indent("if rank: os.kill(os.getpid(), signal.SIGKILL)", WAIT),
        "One of the 2 processes of this training was killed",
    ),
}


@pytest.mark.parametrize("how", FAILURES)
def test_why_one_process_failed_is_why_the_job_failed(tmp_path, how):
    body, reason = FAILURES[how]
    job = start(tmp_path, body)
    job.wait()
    assert job.returncode == 1
    assert find_reason(tmp_path / LOG).startswith(reason)
    log = (tmp_path / LOG).read_text()
    assert "ChildFailedError" not in log and "connection closed" not in log


def test_all_begin_again_when_one_of_them_asks(tmp_path):
    body = indent(
        "noted = checkpoints / 'noted'",
        "if rank and not noted.exists(): noted.touch(); raise BeginAgain()",
        f"if not rank and not noted.exists(): {WAIT}",
        "if is_first(): history.write_text('fits')",
    )
    job = start(tmp_path, body)
    printed, _ = job.communicate()
    log = (tmp_path / LOG).read_text()
    assert (job.returncode, printed) == (0, b""), log
    assert (tmp_path / "results/history.txt").read_text() == "fits"
    assert log.count("all processes begin again") == 1 and "Traceback" not in log


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_processes_end_with_the_job(tmp_path, end):
    job = start(tmp_path, indent(WAIT))
    started = find_processes(tmp_path, job)
    job.send_signal(end)
    assert job.wait() == -end
    _, alive = psutil.wait_procs(started, timeout=60)
    assert alive == []
