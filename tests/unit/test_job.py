"""A job as Snakemake starts one, in a process of its own because its console is redirected for good."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
DRIVER = """
import os, subprocess, sys
from pathlib import Path
from types import SimpleNamespace
from tunelab.errors import UserError
from tunelab.job import report_progress, run_as_job

job = SimpleNamespace(
    rule="train_sft",
    input={{"card": "in/card.json", "weights": ["a/b.bin", "a/c.json"], "start": []}},
    output={{"history": "out/history.jsonl"}},
    params={{"spec": {{"r": 8}}, "results": "results"}},
    wildcards={{"run": "lora", "seed": "1"}},
    log=["logs/deep/job.log"],
    threads=2,
)

{main}

run_as_job(main, job, {options})
"""


def run_job(folder: Path, main: str, options: str = "", **environment: str) -> subprocess.CompletedProcess:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TOKENIZERS_"))}
    return subprocess.run(
        [sys.executable, "-c", DRIVER.format(main=main, options=options)],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(SCRIPTS)} | environment,
        capture_output=True,
        text=True,
    )


def read_log(folder: Path) -> str:
    return (folder / "logs/deep/job.log").read_text(encoding="utf-8")


def test_main_gets_the_files_params_and_wildcards_that_it_names(tmp_path):
    main = "def main(card, weights, start, history, spec, run, seed, threads):\n    print(locals())"
    done = run_job(tmp_path, main)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert eval(read_log(tmp_path), {"PosixPath": Path}) == {
        "card": Path("in/card.json"),
        "weights": [Path("a/b.bin"), Path("a/c.json")],
        "start": [],
        "history": Path("out/history.jsonl"),
        "spec": {"r": 8},
        "run": "lora",
        "seed": "1",
        "threads": 2,
    }


def test_a_name_that_the_job_does_not_have_fails(tmp_path):
    assert run_job(tmp_path, "def main(card, validation):\n    pass").returncode == 1
    assert "missing 1 required positional argument: 'validation'" in read_log(tmp_path)


def test_a_mistake_of_the_user_ends_the_job_with_its_sentence_and_no_traceback(tmp_path):
    done = run_job(tmp_path, "def main():\n    raise UserError('row 3: «question» is empty; fill it in')")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "[train_sft lora 1] Error: row 3: «question» is empty; fill it in\n"
    assert "Error: row 3: «question» is empty; fill it in\n" in read_log(tmp_path)
    assert "Traceback" not in read_log(tmp_path)


@pytest.mark.parametrize("raised", ["ValueError('broken')", "KeyError('broken')", "SystemExit('broken')"])
def test_any_other_failure_looks_failed(tmp_path, raised):
    done = run_job(tmp_path, f"def main():\n    raise {raised}")
    assert done.returncode == 1
    assert "broken" in read_log(tmp_path)
    assert ("Traceback" in read_log(tmp_path)) == ("SystemExit" not in raised)


def test_the_log_holds_what_programs_started_by_the_job_print(tmp_path):
    main = (
        "def main():\n"
        "    print('first'); print('second', file=sys.stderr)\n"
        "    subprocess.run(['sh', '-c', 'echo third; echo fourth >&2'], check=True)\n"
        "    print('fifth')"
    )
    done = run_job(tmp_path, main)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert read_log(tmp_path) == "first\nsecond\nthird\nfourth\nfifth\n"


def test_progress_goes_to_the_log_and_to_the_terminal(tmp_path):
    done = run_job(tmp_path, "def main():\n    print('quiet')\n    report_progress('step 1 of 2 · loss 2.5')")
    assert done.stderr == "[train_sft lora 1] step 1 of 2 · loss 2.5\n"
    assert read_log(tmp_path) == "quiet\nstep 1 of 2 · loss 2.5\n"


def test_progress_outside_a_job_is_printed_once():
    code = "from tunelab.job import report_progress; report_progress('step 1')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("step 1\n", "")


@pytest.mark.parametrize(
    ("options", "environment", "offline"),
    [
        ("", {}, "1"),
        ("", {"HF_HUB_OFFLINE": "0"}, "1"),
        ("network=True", {}, "None"),
        ("network=True", {"HF_HUB_OFFLINE": "1"}, "1"),
    ],
)
def test_a_job_is_offline_unless_it_asks_for_the_network(tmp_path, options, environment, offline):
    names = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TOKENIZERS_PARALLELISM")
    run_job(tmp_path, f"def main():\n    print(*(os.environ.get(name) for name in {names}))", options, **environment)
    assert read_log(tmp_path) == f"{offline} 1 false\n"
