"""From someone's file to a page: what `make new-study` writes runs as it is, with a tiny model for a real one."""

import json

import pytest

from tests import forks
from tests.study_copy import PROJECT, copy_project, run_forks

pytestmark = pytest.mark.smoke


def test_rows_of_someones_become_a_page(tmp_path):
    folder = copy_project(tmp_path)
    rows = [
        [
            {"from": "system", "value": "Be short."},
            {"from": "human", "value": f"What is {n} and {n}?"},
            {"from": "gpt", "value": f"It is {2 * n}."},
        ]
        for n in range(12)
    ]
    lines = "".join(json.dumps({"id": f"r{n}", "conversations": turns}) + "\n" for n, turns in enumerate(rows))
    (folder / "my.jsonl").write_text(lines, encoding="utf-8")
    code, printed = forks.read_python(folder, "scripts/new_study.py", "--name=mine", "--data=my.jsonl")
    assert code == 0, printed
    tiny = str(PROJECT / "tests/smoke/tiny_trial.yaml")
    run_forks(folder, "--cores", "1", "--configfile", "config/mine.yaml", tiny)
    page = (folder / "results/mine/report.html").read_text(encoding="utf-8")
    assert "my.jsonl" in page
    for words in ("Untouched", "LoRA", "Differences that the study asks about", "with a twin in training"):
        assert words in page
