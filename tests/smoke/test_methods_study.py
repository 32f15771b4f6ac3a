"""The study of several losses on the same drawn answers, on a tiny random model, to its page."""

import json
import re

import pandas
import pytest

from tests.study_copy import PROJECT, copy_project, run_forks

pytestmark = pytest.mark.slow
PAIRED = ("dpo", "dpo_shuffled")
LEARNERS = ("rft", *PAIRED, "kto")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("methods"))
    overlay = str(PROJECT / "tests/smoke/methods_trial.yaml")
    run_forks(folder, "--cores", "2", "--configfile", "config/methods.yaml", overlay)
    return folder / "results/methods"


def read_rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_all_answers_are_kept_with_every_reward(results):
    drawn = pandas.read_parquet(results / "samples/selfplay/seed1/samples.parquet")
    summary = json.loads((results / "samples/selfplay/seed1/summary.json").read_text())
    assert len(drawn) == summary["answers"] == 40 * 6
    assert {"correctness", "integer", "strict_format", "soft_format", "xml_count", "reward", "right"} <= set(drawn)
    assert 0 < summary["right"] == drawn["right"].sum() < len(drawn)


def test_each_run_learnt_from_its_own_choice_of_the_same_answers(results):
    texts = {}
    for run in LEARNERS:
        rows = read_rows(results / f"runs/{run}/seed1/train_dataset.json")
        told = json.loads((results / f"runs/{run}/seed1/choice.json").read_text())
        assert told["rows"] == len(rows) > 0
        texts[run] = rows
    drawn = set(pandas.read_parquet(results / "samples/selfplay/seed1/samples.parquet")["completion"])
    assert {row["messages"][-1]["content"] for row in texts["rft"]} <= drawn
    for run in PAIRED:
        assert {row[side]["content"] for row in texts[run] for side in ("chosen", "rejected")} <= drawn
    sides = [
        {frozenset((row["chosen"]["content"], row["rejected"]["content"])) for row in texts[run]} for run in PAIRED
    ]
    assert sides[0] == sides[1]
    assert {row["completion"]["content"] for row in texts["kto"]} <= drawn
    assert {row["label"] for row in texts["kto"]} == {True, False}


def test_the_weights_of_the_labels_are_told(results):
    training = json.loads((results / "runs/kto/seed1/training.json").read_text())
    shares = [row["label"] for row in read_rows(results / "runs/kto/seed1/train_dataset.json")]
    rarer = "desirable_weight" if sum(shares) * 2 < len(shares) else "undesirable_weight"
    assert training[rarer] == max(training["desirable_weight"], training["undesirable_weight"])
    assert "undesirable_weight" in (results / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("run", [*LEARNERS, "grpo", "distilled"])
def test_every_method_went_on_with_the_warm_start(results, run):
    training = json.loads((results / f"runs/{run}/seed1/training.json").read_text())
    assert training["steps"] == (3 if run in LEARNERS else 2)
    weights = [
        (results / f"runs/{name}/seed1/adapter/adapter_model.safetensors").read_bytes() for name in (run, "warmstart")
    ]
    assert weights[0] != weights[1]


def test_the_page_tells_what_was_drawn_and_learnt(results):
    page = (results / "report.html").read_text(encoding="utf-8")
    section = re.search(r'<section id="samples">(.*?)</section>', page, re.DOTALL)[1]
    assert "<h2>From the same samples</h2>" in section
    assert all(label in section for label in ("RFT", "DPO", "DPO, shuffled pairs", "KTO"))
    assert section.count('<span class="badge">control</span>') == 1


def test_the_distilled_run_came_nearer_to_its_teacher_which_the_page_names(results):
    history = read_rows(results / "runs/distilled/seed1/history.jsonl")
    training = json.loads((results / "runs/distilled/seed1/training.json").read_text())
    assert len(history) == 2 and history[0]["loss"] > 0
    assert training["teacher_tokens"] == training["tokens"] > 0
    page = (results / "report.html").read_text(encoding="utf-8")
    assert '<th scope="row"><code>teacher</code></th>' in page
    card = (results / "runs/distilled/seed1/adapter/README.md").read_text(encoding="utf-8")
    assert "teacher: grpo" in card and "`DistillationTrainer`" in card
