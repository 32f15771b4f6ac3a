"""What people see of a study in a file: a line for what happens, and Snakemake's own words in its log."""

import unicodedata

import pytest
from expected_jobs import EVERYTHING

from tests.forks import read_python
from tests.study_copy import copy_project, fail_stubs, run_stubs

TARGETS = ("results/models/smollm2/card.json", "results/datasets/sums/test_dataset.json")
JOBS = {"fetch_model smollm2", "fetch_dataset sums", "prepare_dataset sums"}
JOBS_OF_ALL = len(EVERYTHING - {"all"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("project"))


def test_a_file_gets_a_line_for_each_start_and_end_of_a_job(folder):
    printed = run_stubs(folder, *TARGETS, "--cores", "1")
    lines = printed.splitlines()
    begin, end = lines.index("3 jobs to do"), next(i for i, line in enumerate(lines) if line.startswith("Complete log"))
    told = lines[begin + 1 : end]
    assert {line.removeprefix("start   ") for line in told if line.startswith("start")} == JOBS
    assert {line.removeprefix("done    ").split(",")[0] for line in told if line.startswith("done")} == JOBS
    assert len(told) == 2 * len(JOBS) and told[-1].endswith("(3 of 3 jobs)")
    assert not {letter for letter in printed if unicodedata.category(letter) == "Cc"} - {"\n"}


def test_the_log_has_all_of_snakemakes_own_words(folder):
    run_stubs(folder, *TARGETS, "--cores", "1", "--forceall")
    *_, log = sorted((folder / ".snakemake/log").iterdir())
    text = log.read_text(encoding="utf-8")
    for words in ("Job stats:", "rule prepare_dataset:", "    wildcards: dataset=sums", "3 of 3 steps (100%) done"):
        assert words in text


def test_a_second_run_tells_how_long_it_will_take(folder):
    printed = run_stubs(folder, *TARGETS, "--cores", "1", "--forceall")
    assert "\n3 jobs to do, less than a minute left\n" in printed


def test_who_asks_for_all_that_snakemake_says_gets_it(folder):
    printed = run_stubs(folder, *TARGETS, "--cores", "1", "--forceall", "--verbose")
    assert "rule prepare_dataset:" in printed and "start   " not in printed


def ask_status(folder):
    code, printed = read_python(folder, "scripts/show_status.py")
    assert code == 0, printed
    return printed.splitlines()


def test_another_terminal_is_told_what_became_of_a_run(tmp_path):
    folder = copy_project(tmp_path)
    code, printed = read_python(folder, "scripts/show_status.py")
    assert code == 1 and printed.startswith("Error: No study has begun in this folder;")
    fail_stubs(folder, "fetch_model smollm2")
    first, second, *lines = ask_status(folder)
    # the data sets are made and held against each other, and nothing that needs the model
    assert first == f"results: 5 of {JOBS_OF_ALL} jobs done, 0 running, {JOBS_OF_ALL - 6} waiting, 1 failed"
    assert ", ended at " in second
    assert lines[:2] == ["failed", "  fetch_model smollm2: fetch_model smollm2 has seen enough."]
    assert lines[-1].startswith("waiting: ") and "score_answers ×10" in lines[-1]
    run_stubs(folder, *TARGETS, "--cores", "1", "--quiet", "all")
    assert ask_status(folder)[0] == "results: 1 of 1 jobs done, 0 running, 0 waiting, 0 failed"
