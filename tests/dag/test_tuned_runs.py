"""Tuned runs as Snakemake plans them: trials are ordinary jobs, and no test row is on the way to a choice."""

import base64
import json
import re

import pytest
import yaml

from tests.study_copy import changed_config, copy_project, dry_run, plan, run_stubs

RATES = [1e-4, 3e-4, 1e-3]
OVERLAY = {
    "study": {"runs": ["base", "lora", "warmstart", "grpo"]},
    "drift": None,
    "noise": None,
    "tuning": {
        "trials": 3,
        "seeds": [101],
        "runs": {
            "lora": {"training.learning_rate": RATES},
            "warmstart": {"training.learning_rate": RATES},
            "grpo": {"training.learning_rate": RATES},
        },
    },
}
GRPO, LORA = "results/tuning/grpo/choice.json", "results/tuning/lora/choice.json"


def list_trials(run, rates=RATES):
    return [f"{run}.learning_rate-{rate}" for rate in rates]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("tuned"))
    (folder / "mine.yaml").write_text(yaml.safe_dump(OVERLAY), encoding="utf-8")
    run_stubs(folder, "--cores", "2", "--configfile", "mine.yaml")
    assert plan(folder, "--configfile", "mine.yaml") == set()
    return folder


def plan_changed(folder, overlay):
    with changed_config(folder, overlay, "mine.yaml"):
        return plan(folder, "--configfile", "mine.yaml")


def test_no_test_row_is_on_the_way_to_a_choice(project):
    (project / "mine.yaml").write_text(yaml.safe_dump(OVERLAY), encoding="utf-8")
    printed = dry_run(project, GRPO, LORA, "--configfile", "mine.yaml")
    read = {file for line in re.findall(r"^    input: (.+)$", printed, re.MULTILINE) for file in line.split(", ")}
    held_out = {file for file in read if re.search(r"(test|validation|checkpoint|selection)_dataset\.json$", file)}
    # the warm start's trials and grpo's answer all validation rows of sums; lora's steps are chosen by one half
    assert held_out == {
        "results/datasets/sums/validation_dataset.json",
        "results/datasets/support/validation_dataset.json",
        "results/datasets/support/checkpoint_dataset.json",
        "results/datasets/support/selection_dataset.json",
    }
    assert {file for file in read if file.endswith(("scores.jsonl", "losses.jsonl"))} == {
        *(f"results/runs/{trial}/seed101/support.validation/losses.jsonl" for trial in list_trials("lora")),
        *(f"results/runs/{trial}/seed101/sums.validation/scores.jsonl" for trial in list_trials("warmstart")),
        *(f"results/runs/{trial}/seed101/sums.validation/scores.jsonl" for trial in list_trials("grpo")),
    }


def test_a_run_is_tuned_from_its_tuned_start_of_the_trials_seed(project):
    (project / "mine.yaml").write_text(yaml.safe_dump(OVERLAY), encoding="utf-8")
    jobs = plan(project, GRPO, "--configfile", "mine.yaml")
    trainings = {job for job in jobs if job.startswith("train_")}
    assert trainings == {
        *(f"train_sft {trial} 101" for trial in list_trials("warmstart")),
        "train_sft warmstart 101",
        *(f"train_grpo {trial} 101" for trial in list_trials("grpo")),
    }
    assert "choose_settings warmstart" in jobs


def test_no_other_run_takes_what_a_trial_left(tuned):
    """A trial that does not learn leaves its start as its adapter, which is no result of a run with these settings."""
    kinds = {}
    for file in (tuned / ".snakemake/metadata").iterdir():
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["rule"].startswith("train_"):
            run = base64.b64decode(file.name).decode().split("/")[2]
            kinds.setdefault("learning_rate" in run, []).append("'tuning.trial = True'" in record["params"])
    assert all(kinds[True]) and not any(kinds[False])


def test_another_grid_trains_new_trials_only(tuned):
    rates = [1e-4, 3e-4, 3e-3]
    changed = plan_changed(tuned, {"tuning": {"runs": {"lora": {"training.learning_rate": rates}}}})
    assert {job for job in changed if "-0.00" in job} == {
        "train_sft lora.learning_rate-0.003 101",
        "measure_loss lora.learning_rate-0.003 101 support.validation",
    }
    assert {"choose_settings lora", "train_sft lora 1"} < changed
    assert not {job for job in changed if "grpo" in job and "plot" not in job}


def test_what_a_run_says_of_a_tuned_field_is_of_the_choice_alone(tuned):
    changed = plan_changed(tuned, {"runs": {"grpo": {"training": {"learning_rate": 2.0e-4}}}})
    assert "choose_settings grpo" in changed
    assert not {job for job in changed if job.startswith("train_grpo grpo.")}


def test_what_it_says_of_other_fields_reaches_every_trial(tuned):
    changed = plan_changed(tuned, {"runs": {"grpo": {"training": {"max_steps": 30}}}})
    assert {f"train_grpo {trial} 101" for trial in list_trials("grpo")} < changed


def test_a_label_concerns_no_training(tuned):
    changed = plan_changed(tuned, {"runs": {"grpo": {"label": "RL"}}})
    assert not {job for job in changed if job.startswith(("train", "generate", "choose"))}
