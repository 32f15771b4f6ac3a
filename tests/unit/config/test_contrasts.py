"""Which pairs of runs are compared on which task: a short entry on all, one that names its tasks on these."""

import pytest

from tests.unit.config.default_config import load, merge
from tunelab.config.loading import load_config
from tunelab.config.selection import describe_left_out
from tunelab.config.study import Study, read_contrast
from tunelab.errors import UserError

NAMED = {"runs": ["warmstart", "base"], "tasks": ["sums"]}


def build(*entries, runs=("base", "lora", "warmstart"), tasks=("support", "sums")):
    study = {"runs": list(runs), "tasks": list(tasks), "seeds": [1]}
    return Study({"study": study, "comparison": {"contrasts": list(entries)}})


def test_an_entry_is_a_pair_or_a_pair_with_its_tasks():
    assert read_contrast(["lora", "base"]) == (["lora", "base"], None)
    assert read_contrast(NAMED) == (["warmstart", "base"], ["sums"])


def test_a_pair_without_tasks_is_compared_on_every_task_and_text_and_one_with_tasks_on_these():
    study = build(["lora", "base"], NAMED)
    assert study.list_contrasts("sums") == [("lora", "base"), ("warmstart", "base")]
    assert study.list_contrasts("support") == study.list_contrasts("text:english") == [("lora", "base")]
    assert study.list_contrasts() == [("lora", "base"), ("warmstart", "base")]


def test_a_pair_counts_with_both_its_runs_and_one_of_its_tasks():
    assert build(NAMED, runs=("base", "lora")).list_contrasts("sums") == []
    assert build(NAMED, tasks=("support",)).list_contrasts() == []


def test_both_forms_are_read_from_a_config():
    config = load("comparison: {contrasts: [[lora, base], {runs: [grpo, warmstart], tasks: [sums]}]}")
    study = Study(config.describe_study())
    assert study.list_contrasts("support") == [("lora", "base")]
    assert study.list_contrasts("sums") == [("lora", "base"), ("grpo", "warmstart")]


def test_a_task_that_falls_away_is_taken_out_of_the_pairs_that_name_it():
    pairs = [{"runs": ["lora", "base"], "tasks": ["support", "sums"]}, {"runs": ["prefix", "base"], "tasks": ["sums"]}]
    # the task of sums cannot be asked in another format, so it falls away with the runs that learn it
    changed = {"study": {"runs": ["base", "lora", "prefix"], "tasks": ["support"]}}
    changed |= {"datasets": {"sums": {"prepare": {"format": "question_answer"}}}}
    config = load({"comparison": {"contrasts": pairs}}, changed)
    assert [read_contrast(entry.model_dump()) for entry in config.comparison.contrasts] == [
        (["lora", "base"], ["support"])
    ]


def test_pairs_that_do_not_count_are_told_with_the_runs_and_tasks_that_they_lack():
    config = load("study: {runs: [base, warmstart], tasks: [support]}")
    raw = config.model_dump(mode="json")
    assert list(describe_left_out(raw, config)) == [
        "comparison.contrasts: 6 of 6 pairs do not count, since study.runs leaves out lora, prefix, grpo and "
        "study.tasks leaves out sums; name pairs of the study, or no difference is tested."
    ]


def test_a_task_of_preferences_asks_for_the_margin_of_rankings():
    local = {"source": "local", "files": ["pairs.jsonl"]}
    config = merge({"datasets": {"support": {"prepare": {"format": "preference"}}}})
    config["datasets"]["support"]["fetch"] = local
    del config["comparison"]["margins"]["ranking"]
    with pytest.raises(
        UserError, match=r"comparison\.margins\.ranking: is required: the difference in ranking accuracy"
    ):
        load_config(config, "config/config.yaml")
    config["datasets"]["support"]["prepare"]["format"] = "question_answer"
    load_config(config, "config/config.yaml")
