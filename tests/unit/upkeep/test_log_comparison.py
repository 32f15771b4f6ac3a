"""Logs of other tools become the page, numbers and tables of a study, and the same answers give the same numbers."""

import json
import random
import re
import zipfile
from pathlib import Path

import compare_logs
import numpy as np
import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tunelab import records
from tunelab.comparison.bootstrap import Measured, estimate_difference, estimate_metric
from tunelab.comparison.items import Items
from tunelab.comparison.verdicts import compare_runs
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
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
    """A folder with the logs of two arms, one of them with three trainings, of which one lacks a row."""
    root = tmp_path_factory.mktemp("logs")
    write_log(root / "base.jsonl", 0.3, 0)
    for seed in (1, 2, 3):
        write_log(root / f"tuned_{seed}.jsonl", 0.7, seed, rows=ROWS - (seed == 2))
    return root


FILES = "base={0}/base.jsonl tuned={0}/tuned_1.jsonl,{0}/tuned_[23].jsonl"


@pytest.fixture(scope="module")
def compared(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield log_comparison.compare_logs(FILES.format(folder), "mine", [], [], [])


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
    assert "2 arms, compared by their logs of JSON Lines" in text
    assert "59 of 60 items are in every log and were compared: tuned lacks 1 (item 59)" in text
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
    assert len(records.read_json(study.results_file)["contrasts"]) == len(found.contrasts) == 1
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
        compare_logs.main(f"base={folder}/base.jsonl tuned={folder}/nothing.jsonl", "new", "", "", [])
    assert not (folder / "results/new").exists()


def test_a_studys_own_answers_give_the_same_numbers_as_logs(tmp_path, monkeypatch):
    """Write the answers of two runs with two seeds as logs of lm-eval, and compare both ways."""
    monkeypatch.chdir(tmp_path)
    spec = build_study(runs=("warmstart", "grpo"), seeds=(1, 2))
    spec["comparison"]["contrasts"] = [["grpo", "warmstart"]]
    native = StudyFolder("results/native", write_results(tmp_path / "results/native", spec, rows=24))
    items = Items(native)
    files = {run: [write_as_lm_eval(native, run, seed) for seed in (1, 2)] for run in native.runs}
    typed = " ".join(f"{run}={','.join(map(str, paths))}" for run, paths in files.items())
    _, found = log_comparison.compare_logs(typed, "logs", [], [], [])
    (contrast,) = found.contrasts
    (first, second), _ = items.measure_together([("grpo", "strict"), ("warmstart", "strict")], "arithmetic")
    expected = compare_runs(first, second, 0.02, True, False)
    for name in ("value", "low", "high", "n", "p", "p_equivalence", "wins", "losses", "smallest_detectable"):
        assert getattr(contrast, name) == pytest.approx(getattr(expected, name)), name
    for run, measured in (("grpo", first), ("warmstart", second)):
        own = estimate_metric(measured, share=True)
        row = next(row for row in found.estimates if row.run == run and row.seed is None)
        assert (row.value, row.low, row.high) == pytest.approx((own.value, own.low, own.high))


def write_as_lm_eval(study, run, seed):
    """Write a run's answers as lm-eval writes samples, in another order; the hashes sort like the ids.

    Randomisation and bootstrap draw items by their order.
    """
    scores = study.load(study.task_file(run, seed, "arithmetic", "scores.jsonl"))
    asked = {row["id"]: row["messages"] for row in study.load(study.dataset_file("sums", "test_dataset.json"))}
    rows = [
        {
            "doc_id": number,
            "doc": {"question": asked[score["id"]][-2]["content"]},
            "target": asked[score["id"]][-1]["content"],
            "arguments": {},
            "resps": [["…"]],
            "filtered_resps": ["…"],
            "filter": "strict-match",
            "metrics": ["exact_match"],
            "doc_hash": f"{number:064x}",
            "prompt_hash": "0" * 64,
            "target_hash": "0" * 64,
            "exact_match": float(score["strict"]),
        }
        for number, score in enumerate(sorted(scores, key=lambda row: row["id"]))
    ]
    path = Path(f"{run}_{seed}/samples_sums_2026-12-01T10-00-00.000000.jsonl")
    records.write_jsonl(path, rows[::-1] if seed == 2 else rows)
    return path
