"""A run that is like another one, as Snakemake plans it."""

import pytest
import yaml

from tests.study_copy import PROJECT, changed_config, copy_project, plan, run_stubs

OVERLAY = {
    "study": {"runs": ["base", "lora", "lora64"], "tasks": ["support"]},
    "drift": None,
    "noise": None,
    "runs": {"lora64": {"like": "lora", "label": "LoRA r64", "adapter": {"r": 64}}},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("like"))
    (folder / "mine.yaml").write_text(yaml.safe_dump(OVERLAY), encoding="utf-8")
    run_stubs(folder, "--cores", "2", "--configfile", "mine.yaml")
    return folder


def list_trainings(folder, overlay=None):
    with changed_config(folder, overlay or {}, "mine.yaml"):
        return {job for job in plan(folder, "--configfile", "mine.yaml") if job.startswith("train")}


def test_it_is_one_more_training(project):
    study = {"study": OVERLAY["study"] | {"runs": ["base", "lora"]}}
    (project / "mine.yaml").write_text(yaml.safe_dump(OVERLAY), encoding="utf-8")
    assert list_trainings(project) - list_trainings(project, study) == {"train_sft lora64 1"}
    assert list_trainings(project, study) == {"train_sft lora 1"}


def test_a_change_of_the_other_run_reaches_it_and_its_own_change_reaches_it_alone(finished):
    assert list_trainings(finished) == set()
    changed = {"runs": {"lora": {"training": {"max_steps": 45}}}}
    assert list_trainings(finished, changed) == {"train_sft lora 1", "train_sft lora64 1"}
    assert list_trainings(finished, {"runs": {"lora64": {"training": {"max_steps": 45}}}}) == {"train_sft lora64 1"}
    # what it gives itself stays
    assert list_trainings(finished, {"runs": {"lora": {"adapter": {"r": 8}}}}) == {"train_sft lora 1"}


def test_written_out_in_full_nothing_runs_again(finished):
    lora = yaml.safe_load((finished / "config/config.yaml").read_text(encoding="utf-8"))["runs"]["lora"]
    whole = {"runs": {"lora64": lora | {"label": "LoRA r64", "adapter": lora["adapter"] | {"r": 64}}}}
    assert plan(finished, "--configfile", "mine.yaml") == set()
    (finished / "whole.yaml").write_text(yaml.safe_dump(OVERLAY | whole), encoding="utf-8")
    assert plan(finished, "--configfile", "whole.yaml") == set()


def test_jobs_of_a_cluster_get_it_written_out(finished):
    (file,) = (finished / ".snakemake/frozen").glob("*.json")
    assert '"like"' not in file.read_text(encoding="utf-8")
    lora64 = yaml.safe_load(file.read_text(encoding="utf-8"))["plan"]["config"]["runs"]["lora64"]
    assert (lora64["method"], lora64["adapter"]["r"], lora64["adapter"]["lora_alpha"]) == ("sft", 64, 32)


def test_the_command_line_and_a_modules_config_may_say_it(project, tmp_path):
    said = "runs={lora64: {like: lora, label: LoRA r64, adapter: {r: 64}}}"
    assert "train_sft lora64 1" in plan(project, "--config", "study={runs: [base, lora64]}", said)
    (tmp_path / "Snakefile").write_text(
        f"module tunelab:\n    snakefile: {str(PROJECT / 'Snakefile')!r}\n    config: {OVERLAY!r}\n"
        "use rule * from tunelab as t_*\n",
        encoding="utf-8",
    )
    assert {"t_train_sft lora 1", "t_train_sft lora64 1"} < plan(tmp_path)
