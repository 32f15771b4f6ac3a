"""A study of two tuned methods that are followed along their way, on a tiny random model, to its page."""

import json
import re

import pytest

from tests.study_copy import PROJECT, changed_file, copy_project, run_forks

pytestmark = pytest.mark.slow
STUDY = ("--cores", "2", "--configfile", "config/smoke.yaml", "tuned.yaml")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("tuned"))
    (folder / "tuned.yaml").write_text((PROJECT / "tests/smoke/tuned.yaml").read_text(encoding="utf-8"), "utf-8")
    run_forks(folder, *STUDY)
    return folder


@pytest.fixture(scope="module")
def results(project):
    return project / "results/tuned"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_rate_with_which_nothing_is_learnt_is_not_chosen(results):
    choice = read(results / "tuning/warmstart/choice.json")
    assert choice["settings"] == read(results / "tuning/warmstart/settings.json") == {"training.learning_rate": 1e-2}
    learnt, failed = choice["trials"]
    assert (learnt["diverged"], failed["value"]) == (None, None)
    assert "NaN" in failed["diverged"]


def test_final_trainings_take_the_chosen_settings(results):
    rate = read(results / "tuning/grpo/settings.json")["training.learning_rate"]
    card = (results / "runs/grpo/seed1/adapter/README.md").read_text(encoding="utf-8")
    assert f"learning_rate: {rate:g}" in card or f"learning_rate: {rate}" in card


def test_trials_answered_validation_rows_alone(results):
    validation = {
        json.loads(line)["id"] for line in (results / "datasets/sums/validation_dataset.json").read_text().splitlines()
    }
    for trial in read(results / "tuning/grpo/choice.json")["trials"]:
        folder = results / f"runs/{trial['name']}/seed101"
        assert {path.name for path in folder.iterdir() if path.is_dir()} == {
            *("adapter", "points", "sums.validation", "tensorboard"),
        }
        answers = (folder / "sums.validation/answers.jsonl").read_text().splitlines()
        assert {json.loads(line)["id"] for line in answers} == validation


def test_runs_are_followed_from_where_they_began_to_their_ends(results):
    rows = [row for row in read(results / "results.json")["followed"] if row["metric"] == "mean@2" and row["summary"]]
    ways = {run: [row for row in rows if row["run"] == run] for run in ("warmstart", "grpo")}
    assert {run: [row["point"] for row in way] for run, way in ways.items()} == {
        "warmstart": [0, 1, 2],
        "grpo": [0, 1, 2],
    }
    spent = {run: [row["spent"]["flops"] for row in way] for run, way in ways.items()}
    assert spent["warmstart"][0] == 0
    assert spent["grpo"][0] == spent["warmstart"][-1]
    assert all(amounts == sorted(set(amounts)) for amounts in spent.values())


def test_the_page_shows_both(results):
    page = (results / "report.html").read_text(encoding="utf-8")
    sections = {
        name: re.search(rf'<section id="{name}">(.*?)</section>', page, re.DOTALL)
        for name in ("tuning", "trajectories")
    }
    assert "did not learn" in sections["tuning"][1]
    assert "At the largest amount that all reached" in sections["trajectories"][1]


def test_another_value_trains_one_trial_and_nothing_that_was_chosen_before(project, results):
    before = (results / "runs/warmstart/seed1/adapter/adapter_model.safetensors").read_bytes()
    with changed_file(project / "tuned.yaml", "[1.0e-2, 1.0e+30]", "[1.0e-2, 2.0e+30]"):
        printed = run_forks(project, *STUDY, "--", "results/tuned/runs/warmstart/seed1/training.json")
    assert "start   train_sft warmstart.learning_rate-2e30 101" in printed
    assert "train_sft warmstart.learning_rate-0.01 101" not in printed
    log = (results / "logs/train/warmstart_seed1.log").read_text(encoding="utf-8")
    assert "nothing to do: equal work was finished" in log
    assert (results / "runs/warmstart/seed1/adapter/adapter_model.safetensors").read_bytes() == before
