"""Consoles that are not UTF-8: nothing fails by a print, and logs are UTF-8 all the same."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.jobs.test_job import read_log, run_job
from tunelab.jobs.console import accept_all_text
from tunelab.watching.running import Screen

SCRIPTS = Path(__file__).parents[3] / "scripts"
TEXT = "step 1 of 2 → ━ … 🙂 é 你"


def call(code, encoding):
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS), "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(encoding)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", r"step 1 of 2 -> = ... \U0001f642 \xe9 \u4f60"),
        ("latin-1", r"step 1 of 2 -> = ... \U0001f642 é \u4f60"),
        ("gbk", r"step 1 of 2 → ━ … \U0001f642 é 你"),
        ("utf-8", TEXT),
    ],
)
def test_what_an_encoding_lacks_is_shown_in_signs_that_it_has(encoding, shown):
    assert call(f"from tunelab.jobs.job import report_progress; report_progress({TEXT!r})", encoding) == f"{shown}\n"
    tool = (
        "from tunelab.upkeep.tools import build_parser, run_as_tool\n"
        f"run_as_tool(lambda configfile: print({TEXT!r}) or 0, build_parser('Do.'))"
    )
    assert call(tool, encoding) == f"{shown}\n"


def test_half_a_character_does_no_harm_either():
    code = "from tunelab.jobs.job import report_progress; report_progress('a\\udce9b')"
    assert call(code, "utf-8") == "a\\udce9b\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk"])
def test_a_jobs_log_is_utf8_whatever_the_terminal_has(tmp_path, encoding):
    main = f"def main():\n    print({TEXT!r})\n    print({TEXT!r}, file=sys.stderr)\n    report_progress({TEXT!r})"
    done = run_job(tmp_path, main, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert read_log(tmp_path) == f"{TEXT}\n{TEXT}\n[train_sft lora 1] {TEXT}\n"


def test_the_display_shows_plain_signs_too(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", stream)
    accept_all_text()
    Screen(stream, live=False, colours=False).write("━━┈ 1 of 2 jobs … 3\u202fs")
    assert stream.buffer.getvalue() == b"==- 1 of 2 jobs ... 3 s\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_tool_whose_reader_is_gone_says_nothing_of_it_and_ends_as_it_would_have(stream):
    code = (
        "import subprocess, sys\n"
        "from tunelab.upkeep.tools import build_parser, run_as_tool\n"
        "def main(configfile):\n"
        f"    print('line\\n' * 100_000, file=sys.{stream}, flush=True)\n"
        f"    print('and more', file=sys.{stream})\n"
        f"    return subprocess.run(['echo', 'a child']{', stdout=2' if stream == 'stderr' else ''}).returncode + 3\n"
        "run_as_tool(main, build_parser('Do.'))"
    )
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: writer}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, **streams, text=True
    )
    os.close(writer)
    assert done.returncode == 3
    assert not done.stdout and not done.stderr
