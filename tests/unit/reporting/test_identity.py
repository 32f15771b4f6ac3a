"""Arms that answer alike on every question are named with the likely cause, and others are not."""

from tunelab import records
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.identity import list_identical

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
