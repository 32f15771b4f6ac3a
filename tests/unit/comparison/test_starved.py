"""Which runs of reinforcement learning drew too few completions to expect an effect."""

import json

import pyarrow.parquet as pq
import pytest

from tests.unit.comparison.results_factory import METHODS, build_study, write_results
from tunelab.comparison import budgets, contrasts
from tunelab.comparison.budgets import count_answers, list_starved
from tunelab.comparison.items import Items
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_json
from tunelab.reporting.tables import load_trainings


@pytest.fixture
def plant(tmp_path):
    """Return a function that writes a study whose GRPO took so many steps of 8 completions times `accumulated`."""

    def plant(steps, accumulated, drawn=400, runs=tuple(METHODS), method="grpo"):
        spec = build_study(runs)
        spec["runs"]["grpo"]["method"] = method
        spec["runs"]["grpo"]["training"] |= {"gradient_accumulation_steps": accumulated}
        study = StudyFolder(tmp_path, write_results(tmp_path, spec, rows=4))
        change(study.run_file("grpo", 1, "training.json"), steps=steps)
        if "dpo" in runs:
            change(study.samples_file("selfplay", 1, "summary.json"), answers=drawn)
        return study

    return plant


def change(path, **changes):
    path.write_text(json.dumps(read_json(path) | changes))


def judge(study):
    return [
        (row.run, row.completions, row.of_step, row.shortages, [(other.run, other.answers) for other in row.learners])
        for row in list_starved(study, load_trainings(study))
    ]


@pytest.mark.parametrize(
    ("steps", "accumulated", "drawn", "told"),
    [
        (20, 2, 0, [("grpo", 320, 16, ["completions", "of_step"], [])]),
        (40, 8, 0, []),  # 2,560 at 64 a step
        (160, 2, 0, [("grpo", 2560, 16, ["of_step"], [])]),
        (40, 8, 3200, [("grpo", 2560, 64, ["learners"], [("dpo", 3200)])]),
        (40, 8, 2560, []),  # as many
        (46, 4, 0, [("grpo", 1472, 32, ["completions"], [])]),
        (47, 4, 0, []),
    ],
)
def test_a_run_is_starved_by_its_completions_its_steps_or_what_others_learn_from(
    plant, steps, accumulated, drawn, told
):
    assert judge(plant(steps, accumulated, drawn)) == told


def test_rloo_is_judged_alike(plant):
    assert [row[0] for row in judge(plant(20, 2, method="rloo"))] == ["grpo"]


def test_a_run_that_learns_from_other_questions_is_no_rival(plant):
    study = plant(40, 8, 3200)
    study.run("dpo")["dataset"] = "tech"
    assert judge(study) == []


def test_the_files_behind_a_judgement_are_named(plant):
    (row,) = list_starved(study := plant(40, 8, 3200), load_trainings(study))
    assert row.sources == ["results/runs/grpo/seed1/training.json", "results/samples/selfplay/seed1/summary.json"]


def test_the_first_seed_is_judged_and_draws_of_an_untouched_model_have_one_seed(tmp_path):
    spec = build_study(tuple(METHODS), seeds=(1, 2))
    spec["samples"]["selfplay"]["seeds"] = [0]
    study = StudyFolder(tmp_path, spec)
    assert budgets.find_summary(study, "dpo", 2) == tmp_path / "samples/selfplay/seed0/summary.json"
    write_results(tmp_path, build_study(tuple(METHODS), seeds=(1, 2)), rows=4)
    change(study.run_file("grpo", 2, "training.json"), steps=400)
    study.spec["samples"]["selfplay"]["seeds"] = [1, 2]
    assert [row[:2] for row in judge(study)] == [("grpo", 160)]


def test_what_is_counted_is_what_the_training_recorded(tmp_path):
    study = StudyFolder(tmp_path, write_results(tmp_path, build_study(), rows=4))
    recorded = pq.read_metadata(study.run_file("grpo", 1, "completions.parquet")).num_rows
    assert count_answers(study, load_trainings(study), "grpo") == recorded == 160
    assert count_answers(study, load_trainings(study), "lora") is None


def test_every_contrast_names_which_of_its_runs_are_starved(plant):
    study = plant(20, 2)
    rows = list(contrasts.list_contrasts(Items(study), load_trainings(study), {}, {}, ()))
    assert {tuple(row.starved) for row in rows if "grpo" in (row.run, row.against)} == {("grpo",)}
    assert {tuple(row.starved) for row in rows if "grpo" not in (row.run, row.against)} == {()}
