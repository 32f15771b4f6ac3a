"""Text typed after `make` reaches the programs unchanged, and nothing of it is executed."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
PROGRAM = """#!/usr/bin/env python3
import json, sys
with open("called.jsonl", "a") as called:
    called.write(json.dumps(sys.argv[1:]) + "\\n")
"""
HOSTILE = [
    'Say "hi" for $5 and `touch pwned` now',
    "$(touch pwned) $(shell touch pwned) ${HOME} $$ $@",
    "it's; touch pwned # && | > pwned \\",
    "-n",
    "--run lora",
    "two\nlines\n\ttouch pwned",
    "100 % of *? [a-z] ~ ! {a,b}",
    "为什么 🙂",
]


@pytest.fixture
def folder(tmp_path):
    """A folder with the project's Makefile and programs that write down how they are called."""
    for name in ("Makefile", "requirements.lock", "envs/torch-cpu.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
        os.utime(tmp_path / name, (0, 0))
    for name in ("python", "snakemake"):
        program = tmp_path / ".venv/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(PROGRAM, encoding="utf-8")
        program.chmod(0o755)
    (tmp_path / ".venv/ready").touch()
    return tmp_path


def call_make(folder, *arguments, **environment):
    # what was typed for the make that runs the tests concerns it alone
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, env=clean | environment, capture_output=True, text=True)


def make(folder, *arguments, **environment):
    done = call_make(folder, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    assert not list(folder.rglob("pwned"))
    calls = [json.loads(line) for line in (folder / "called.jsonl").read_text(encoding="utf-8").splitlines()]
    (folder / "called.jsonl").unlink()
    return calls


@pytest.mark.parametrize("text", HOSTILE)
def test_a_question_arrives_as_it_was_typed(folder, text):
    wanted = [["scripts/ask_runs.py", "--", text]]
    assert make(folder, "ask", f"Q={text}") == wanted
    assert make(folder, "ask", Q=text) == wanted


def test_so_do_names_of_runs_and_tasks_and_files(folder):
    (called,) = make(folder, "ask", "RUN=a\"; touch pwned; '", "TASK=$(shell touch pwned)", "Q=x")
    assert called == ["scripts/ask_runs.py", "--run=a\"; touch pwned; '", "--task=$(shell touch pwned)", "--", "x"]
    check = ["scripts/check_overlays.py"]  # Snakemake does not say which file of several it cannot read
    for target, *programs in (("plan", ["scripts/plan_jobs.py"]), ("report", check, ["--cores", "all"])):
        files = ["config/it's.yaml", "$(touch,pwned).yaml", "`touch", "pwned`;.yaml"]
        called = make(folder, target, f"CONFIG={' '.join(files)}")
        assert called == [[*program, "--configfile", *files] for program in programs]
        assert make(folder, target) == programs[-1:]


@pytest.mark.parametrize("kept", [True, False])
def test_caches_have_a_place_where_the_home_cannot_be_written(folder, tmp_path, kept):
    program = '#!/bin/sh\nprintf \'["%s"]\' "$XDG_CACHE_HOME" > called.jsonl\n'
    (folder / ".venv/bin/python").write_text(program, encoding="utf-8")
    clean = {"XDG_CACHE_HOME": "", "HOME": str(tmp_path / "home") if kept else "/proc"}
    assert make(folder, "plan", **clean) == [[str(tmp_path / "home/.cache" if kept else folder / ".snakemake/cache")]]


def test_a_files_name_may_hold_spaces(folder):
    (folder / "my own $(touch pwned) study.yaml").touch()
    for given, files in (
        ("my own $(touch pwned) study.yaml", ["my own $(touch pwned) study.yaml"]),
        (r"my\ own.yaml it's\ here.yaml b.yaml", ["my own.yaml", "it's here.yaml", "b.yaml"]),
        ("a.yaml b.yaml", ["a.yaml", "b.yaml"]),
    ):
        assert make(folder, "plan", f"CONFIG={given}") == [["scripts/plan_jobs.py", "--configfile", *files]]


def test_a_cluster_is_named_by_its_profile_and_has_cores_of_its_own(folder):
    (folder / "profiles/slurm").mkdir(parents=True)
    shutil.copy(PROJECT / "requirements-slurm.lock", folder)
    first = make(folder, "report", "PROFILE=slurm")
    assert first == [["envs/install.py", "requirements-slurm.lock"], ["--profile", "profiles/slurm"]]
    assert make(folder, "report", "PROFILE=slurm", "CONFIG=a.yaml")[1:] == [
        ["--profile", "profiles/slurm", "--configfile", "a.yaml"]
    ]
    own = "it's $(touch pwned)"
    assert make(folder, "report", f"PROFILE={own}", "CORES=4") == [["--cores", "4", "--profile", own]]
    # what is only the page is made here
    program = ["scripts/report_partial.py", "--cores", "all", "--configfile", "a.yaml"]
    assert make(folder, "report", "PARTIAL=1", "PROFILE=slurm", "CONFIG=a.yaml") == [program]


def test_papers_and_bundles_are_goals_behind_the_studys_files(folder):
    files = ["--configfile", "it's.yaml", "b.yaml"]
    assert make(folder, "paper", "CONFIG=it's.yaml b.yaml")[1:] == [["--cores", "all", *files, "--", "compile_paper"]]
    assert make(folder, "bundle") == [["--cores", "all", "--", "pack_bundle"]]


def test_a_report_goes_on_while_runs_leave_behind_that_a_look_is_due(folder):
    due, program = folder / ".snakemake/look_due", folder / ".venv/bin/snakemake"
    due.parent.mkdir()
    due.touch()  # of another study
    assert make(folder, "report") == [["--cores", "all"]]
    # two looks are due after the first run
    again = "import pathlib\nleft = pathlib.Path('left')\nleft.write_text(left.read_text()[1:])\n"
    again += "if left.read_text(): pathlib.Path('.snakemake/look_due').touch()\n"
    program.write_text(program.read_text(encoding="utf-8") + again, encoding="utf-8")
    (folder / "left").write_text("xxx", encoding="utf-8")
    assert make(folder, "report", "CONFIG=a.yaml")[1:] == 3 * [["--cores", "all", "--configfile", "a.yaml"]]
    assert not due.exists()


def test_a_partial_report_is_made_by_its_tool(folder):
    program = ["scripts/report_partial.py", "--cores", "2"]
    assert make(folder, "report", "PARTIAL=1", "CORES=2") == [program]
    assert make(folder, "bundle", "PARTIAL=1", "CORES=2") == [[*program, "--", "pack_bundle"]]
    called = make(folder, "report", "PARTIAL=1", "CORES=2", "CONFIG=it's.yaml b.yaml")
    assert called == [[*program, "--configfile", "it's.yaml", "b.yaml"]]


FILE = "a study is named by its file, CONFIG=config/"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["plan", "NAME=mine"], f"make plan takes no NAME=, which is for make new-study compare; {FILE}mine.yaml"),
        (["report", "DATA=my.jsonl"], f"make report takes no DATA=, which is for make new-study; {FILE}mine.yaml"),
        (["report", "STUDY=$(shell touch pwned)"], f"there is no variable STUDY= here; {FILE}mine.yaml, and make help"),
        (["plan", "config=config/smoke.yaml"], f"there is no variable config= here; {FILE}mine.yaml"),
        (["plan", "config/smoke.yaml"], f"config/smoke.yaml is no target; {FILE}mine.yaml"),
        (["plan", "PARTIAL=1"], "make plan takes no PARTIAL=, which is for make report paper bundle."),
        (["verify", "YES=1"], "make verify takes no YES=, which is for make clean-stale."),
        (["new-study", "CONFIG=a.yaml"], "make new-study takes no CONFIG=, which is for make report paper"),
    ],
)
def test_what_a_target_would_pass_over_is_told_before_anything_runs(folder, typed, said):
    done = call_make(folder, *typed)
    assert done.returncode == 2 and f"*** {said}" in done.stderr
    assert not list(folder.rglob("pwned")) and not (folder / "called.jsonl").exists()


def test_what_comes_from_the_environment_or_concerns_how_jobs_run_is_let_be(folder):
    assert make(folder, "status", NAME="mine", STUDY="x") == [["scripts/show_status.py"]]
    assert make(folder, "plan", "CORES=2", "PROFILE=mine", "--jobs=2") == [["scripts/plan_jobs.py"]]


def test_every_variable_that_a_recipe_reads_may_be_typed_for_its_target():
    rules = re.findall(r"^([a-z][a-z -]*):.*\n((?:\t.*\n|if.*\n|else\n|endif\n)+)", MAKEFILE, re.M)
    taken = dict(re.findall(r"^TAKE_([A-Z]+) := (.*)$", MAKEFILE, re.M))
    found = 0
    for targets, recipe in rules:
        for name in re.findall(r"\$\(call quoted,([A-Z]+)\)|\$\(if \$\(([A-Z]+)\)", recipe):
            found += 1
            assert set(targets.split()) <= set(taken["".join(name)].split()), (targets, name)
    assert found >= 12


APT = '#!/bin/sh\necho "$@" >> called\n'


@pytest.fixture
def bare(tmp_path):
    """A folder with the only programs that are there: Python, and an apt-get that writes down what it is asked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    for name, text in (("apt-get", APT), ("sudo", '#!/bin/sh\nexec "$@"\n')):
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    return tmp_path


def install(folder, *arguments, typed=None):
    """Install what tests use; return what is printed and what apt-get was asked. `typed` is typed at a terminal."""
    terminal, stdin = pty.openpty() if typed else (None, subprocess.DEVNULL)
    if typed:
        os.write(terminal, typed.encode())
    command = ["python3", PROJECT / "envs/programs.py", *arguments]
    environment = {"PATH": str(folder / "bin")}
    done = subprocess.run(command, cwd=folder, env=environment, stdin=stdin, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    asked = folder / "called"
    return done.stdout, asked.read_text(encoding="utf-8").splitlines() if asked.exists() else []


PACKAGES = ["chromium-headless-shell", "texlive-xetex texlive-lang-chinese lmodern", "poppler-utils", "fonts-noto-cjk"]
PACKAGES += ["slurm-wlm munge"] * (os.geteuid() == 0)
INSTALL = "install -y --no-install-recommends"


def test_programs_outside_the_environment_are_named_before_anything_is_asked_or_installed(bare):
    told, asked = install(bare)
    assert asked == ["update -qq", *(f"{INSTALL} {needed}" for needed in PACKAGES)]
    assert set(" ".join(PACKAGES).split()) <= set(told.split())
    assert "`make test PROGRAMS=none` does not" in told and "no terminal to ask at" in told


@pytest.mark.parametrize(("typed", "installs"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False)])
def test_at_a_terminal_they_are_installed_only_for_a_yes(bare, typed, installs):
    told, asked = install(bare, typed=typed)
    assert "Install them? [y/N]" in told
    assert bool(asked) is installs and ("Nothing is installed." in told) is not installs


def test_only_what_is_missing_is_installed_and_nothing_if_it_is_left_out(bare):
    assert install(bare, "none") == ("", [])
    for name in ("chromium", "pdftotext", "munged", "slurmctld"):
        (bare / "bin" / name).symlink_to("/bin/true")
    assert install(bare)[1] == ["update -qq", f"{INSTALL} {PACKAGES[1]}", f"{INSTALL} {PACKAGES[3]}"]
    (bare / "bin/apt-get").unlink()
    (bare / "called").unlink()
    told, asked = install(bare)
    assert "Install them by hand" in told and not asked


def test_make_test_tells_of_them_before_it_sets_anything_up(folder):
    shutil.copytree(PROJECT / "envs", folder / "envs", dirs_exist_ok=True)
    shutil.copy(PROJECT / "requirements-test.lock", folder)
    printed = call_make(folder, "-n", "test", "PROGRAMS=none", PYTHON="python3").stdout
    ran = [line for line in printed.splitlines() if "python" in line]
    assert ran[0] == "python3 envs/programs.py none" and ran[1].endswith("envs/install.py requirements-test.lock")
    assert "-m pytest" in ran[-1]
    refused = call_make(folder, "programs", "PROGRAMS=some")
    assert refused.returncode == 2 and "PROGRAMS=some names no choice: say none, or leave it out." in refused.stderr
