"""Logs of other tools become the page, numbers and tables of a study, and the same answers give the same numbers."""

import json
import random
import re
import zipfile

import compare_logs
import numpy as np
import pytest

from tunelab import records
from tunelab.comparison.bootstrap import Measured, estimate_difference
from tunelab.errors import UserError
from tunelab.upkeep import log_comparison

ROWS = 60


def write_log(path, share, seed, rows=ROWS, metric="acc"):
    """Write a log in which about this share of items is right; hard items are hard for all arms."""
    drawn = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        {
            "id": f"item {number}",
            "question": f"Question {number} of <b>many</b>?",
            "answer": f"answer of {path.stem} to {number}",
            metric: int(number / rows * 0.6 + drawn.random() * 0.4 < share),
        }
        for number in range(rows)
    ]
    drawn.shuffle(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the logs of three arms, of which two have three trainings each, one of them with a row less."""
    root = tmp_path_factory.mktemp("logs")
    write_log(root / "base.jsonl", 0.3, 0)
    for seed in (1, 2, 3):
        write_log(root / f"tuned_{seed}.jsonl", 0.7, seed)
        write_log(root / f"other_{seed}.jsonl", 0.32, 10 + seed, rows=ROWS - (seed == 2))
    return root


FILES = "base={0}/base.jsonl tuned={0}/tuned_*.jsonl other={0}/other_1.jsonl,{0}/other_2.jsonl,{0}/other_3.jsonl"


@pytest.fixture(scope="module")
def compared(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield log_comparison.compare_logs(FILES.format(folder), "mine", [], [])


def test_verdicts_are_those_of_the_same_scores(compared, folder):
    _, found = compared
    (tuned,) = [row for row in found.contrasts if (row.run, row.against) == ("tuned", "base")]
    assert (tuned.verdict, tuned.n, tuned.seeds, tuned.declared) == ("better", ROWS - 1, 3, True)
    values = {
        path.stem: {row["id"]: row["acc"] for row in map(json.loads, path.open())} for path in folder.glob("*.jsonl")
    }
    common = sorted(set.intersection(*map(set, values.values())))
    arms = [
        np.array([[values[name][item] for item in common] for name in names], float)
        for names in (["tuned_1", "tuned_2", "tuned_3"], ["base"])
    ]
    expected = estimate_difference(*(Measured(arm, np.ones(arm.shape), (0.0, 1.0)) for arm in arms))
    assert tuned.value == pytest.approx(expected.value)


def test_the_page_tells_what_was_compared_and_what_is_missing(compared):
    study, _ = compared
    page = (study.root / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub("<[^<>]+>", "", page))
    assert "3 arms, compared by their logs of JSON Lines" in text
    assert "59 of 60 items are in every log and were compared: other lacks 1 (item 59)" in text
    assert "base: one log each" in text
    assert "Signs are verdicts against base" in text
    for absent in ("untouched model, which", "Data cards", "Noise of evaluation not measured", "make setup"):
        assert absent not in text
    assert "<b>many</b>" not in page


def test_numbers_tables_and_bundle_are_written(compared):
    study, found = compared
    for name in ("main.csv", "estimates.csv", "contrasts.csv", "main.tex", "contrasts.tex"):
        assert (study.root / "tables" / name).stat().st_size > 50
    assert sorted(path.name for path in (study.root / "figures").iterdir()) == [
        *("contrasts.pdf", "contrasts.svg", "tasks.pdf", "tasks.svg")
    ]
    assert len(records.read_json(study.results_file)["contrasts"]) == len(found.contrasts) == 3
    with zipfile.ZipFile(study.root / "bundle.zip") as bundle:
        assert {"report.html", "results.json", "logs.json", "SHA256SUMS"} <= set(bundle.namelist())


def test_verdicts_are_told_in_the_terminal(compared):
    told = list(log_comparison.tell_verdicts(*compared))
    assert re.fullmatch(r"acc: tuned against base \+\d+\.\d.pp \[.*\], p.[<=].0\.\d+, n = 59: better", told[0])
    assert told[-1] == "results/mine/report.html is written."


def test_an_earlier_comparison_of_the_name_is_replaced_and_nothing_else(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "results/study/runs").mkdir(parents=True)
    with pytest.raises(UserError, match="results/study holds something else than a comparison of logs"):
        log_comparison.clear_folder("study")
    with pytest.raises(UserError, match=r"NAME=\.\./x"):
        log_comparison.clear_folder("../x")
    assert (folder / "results/study/runs").is_dir()


def test_a_mistake_is_told_without_a_traceback_and_before_anything_is_written(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    with pytest.raises(UserError, match="finds no file"):
        compare_logs.main(f"base={folder}/base.jsonl tuned={folder}/nothing.jsonl", "new", "", [])
    assert not (folder / "results/new").exists()
