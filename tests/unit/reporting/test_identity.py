"""Arms that answer alike on every question are named with the likely cause, and others are not."""

from tunelab import records
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.facts import list_identical, list_still

SPEC = {
    "study": {"results": "results/x", "runs": ["base", "lora", "dpo"], "seeds": [1, 2], "tasks": ["sums", "chat"]},
    "runs": {"base": {"method": "base"}, "lora": {"method": "sft"}, "dpo": {"method": "dpo"}},
}


def list_groups(root, **said):
    """Write the answers of each arm, by `run_seed`; those not named are all different."""
    study = StudyFolder(root, SPEC)
    for run, seed in study.list_arms():
        for task in study.tasks:
            texts = said.get(f"{run}_{seed}", [f"{run} {seed} 1", "the same"]) if task == "sums" else [f"{run} {seed}"]
            answers = [{"id": str(number), "completion": text} for number, text in enumerate(texts)]
            records.write_jsonl(study.task_file(run, seed, task, "answers.jsonl"), answers)
    return [(row["task"], row["arms"], row["of_one_run"], row["n"]) for row in list_identical(study)]


def test_answers_that_differ_anywhere_are_let_be(tmp_path):
    assert list_groups(tmp_path) == []


def test_runs_that_answer_alike_are_named(tmp_path):
    found = list_groups(tmp_path, base_0=["a", "b"], dpo_2=["a", "b"], lora_1=["a", "c"])
    assert found == [("sums", [("base", 0), ("dpo", 2)], False, 2)]


def test_seeds_of_one_run_that_answer_alike_are_told_apart_from_runs(tmp_path):
    found = list_groups(tmp_path, lora_1=["a", "b"], lora_2=["a", "b"])
    assert found == [("sums", [("lora", 1), ("lora", 2)], True, 2)]


def test_a_run_whose_seeds_have_exactly_one_value_is_named_and_a_floor_is_told_from_chance(tmp_path):
    spec = SPEC | {"tasks": {"sums": {"kind": "maths"}, "chat": {"kind": "text"}}}
    values = {"sums": {"lora": (0.4, 0.4), "dpo": (0.0, 0.0)}, "chat": {"lora": (2.0, 2.1), "dpo": (1.5, 1.4)}}
    find = {
        (run, seed, task, metric): {"run": run, "task": task, "metric": metric, "value": value}
        for task, metric in (("sums", "strict"), ("chat", "loss"))
        for run, seeds in values[task].items()
        for seed, value in enumerate(seeds, 1)
    }
    found = list_still(StudyFolder(tmp_path, spec), find)
    assert [(row["run"], row["task"], row["seeds"], row["extreme"]) for row in found] == [
        ("lora", "sums", 2, False),
        ("dpo", "sums", 2, True),
    ]


def test_one_seed_has_no_spread_to_miss(tmp_path):
    spec = SPEC | {"study": SPEC["study"] | {"seeds": [1]}, "tasks": {"sums": {"kind": "maths"}}}
    spec["study"]["tasks"] = ["sums"]
    find = {(run, 1, "sums", "strict"): {"value": 0.4} for run in ("lora", "dpo")}
    assert list_still(StudyFolder(tmp_path, spec), find) == []
