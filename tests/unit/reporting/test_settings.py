from tests.unit.config.default_config import load
from tunelab.config.study import Study
from tunelab.reporting.settings import build_settings, list_unused_epochs


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
