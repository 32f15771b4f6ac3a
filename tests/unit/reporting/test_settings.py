from pathlib import Path

import pytest
import yaml

from tests.unit.config.default_config import load
from tunelab.config.study import Study
from tunelab.reporting.settings import build_settings, list_unused_epochs, write_config

CONFIGS = Path(__file__).parents[3] / "config"


@pytest.mark.parametrize("name", ["config", "smoke", "methods", "controls", "real", "gpu_check"])
def test_the_config_on_the_page_is_one_that_makes_the_same_study(name):
    overlay = {} if name == "config" else yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    study = Study(load(overlay).describe_study())
    assert Study(load(yaml.safe_load(write_config(study))).describe_study()).spec == study.spec


def test_pairs_of_runs_that_are_not_selected_are_left_out_of_it():
    study = Study(load({"study": {"runs": ["base", "lora"]}, "noise": None}).describe_study())
    assert yaml.safe_load(write_config(study))["comparison"]["contrasts"] == [
        {"runs": ["lora", "base"], "tasks": ["support"]}
    ]


def test_runs_whose_epochs_are_not_used_are_named_on_the_page():
    overlay = {"runs": {"lora": {"training": {"num_train_epochs": 3}}}}
    assert list_unused_epochs(Study(load(overlay).describe_study())) == ["lora"]
    overlay["runs"]["lora"]["training"]["max_steps"] = -1
    assert list_unused_epochs(Study(load(overlay).describe_study())) == []


def test_a_teacher_is_named_beside_the_start():
    mine = {"method": "distillation", "label": "M", "model": "smollm2", "dataset": "sums", "init_from": "warmstart"}
    overlay = {"study": {"runs": ["base", "mine"]}, "noise": None, "runs": {"mine": mine}}
    overlay["runs"]["mine"] |= {"teacher": "grpo", "training": {}}
    built = build_settings(Study(load(overlay).describe_study()), {})
    assert built["differing"] == [], "one trained run differs from none"
    rows = {row["name"]: row["cells"] for row in built["shared"][0]["rows"]}
    assert rows["init_from"] == [None, "warmstart"]
    assert rows["teacher"] == [None, "grpo"]


def test_a_run_like_another_differs_by_what_it_says_and_by_nothing_else():
    mine = {"like": "lora", "label": "LoRA r64", "adapter": {"r": 64}}
    overlay = {"study": {"runs": ["lora", "mine"]}, "comparison": {"contrasts": [["mine", "lora"]]}}
    study = Study(load(overlay | {"noise": None, "runs": {"mine": mine}}).describe_study())
    rows = [{"name": "r", "cells": ["16", "64"]}]
    assert build_settings(study, {})["differing"] == [{"title": "adapter", "rows": rows}]
    assert "like" not in yaml.safe_load(write_config(study))["runs"]["mine"]
    assert Study(load(yaml.safe_load(write_config(study))).describe_study()).spec == study.spec


def test_what_differs_between_trained_runs_is_parted_from_what_they_share():
    built = build_settings(Study(load({"study": {"runs": ["base", "lora", "prefix"]}}).describe_study()), {})
    names = {
        part: {(section["title"], row["name"]) for section in sections for row in section["rows"]}
        for part, sections in built.items()
    }
    assert {("adapter", "peft_type"), ("adapter", "r"), ("training", "learning_rate")} <= names["differing"]
    assert {("run", "model"), ("run", "dataset"), ("training", "max_steps")} <= names["shared"]
    assert names["differing"].isdisjoint(names["shared"])
    assert all(len(row["cells"]) == 3 for part in built.values() for section in part for row in section["rows"])
