"""Answers leave in every-eval-ever's format as its published schema demands, and come back with the same verdicts."""

import json

import jsonschema
import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tests.unit.reporting.page_factory import PROJECT
from tunelab.jobs.layout import StudyFolder
from tunelab.logs.reading import read_logs
from tunelab.records import read_json, read_jsonl
from tunelab.reporting.every_eval import list_samples

SCHEMA = PROJECT / "tests/unit/reporting/fixtures/instance_level_eval.schema.json"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("study") / "results"
    return StudyFolder(root, write_results(root, build_study(), rows=12))


@pytest.fixture(scope="module")
def samples(study):
    return list_samples(study)


def test_each_run_seed_and_task_with_right_and_wrong_answers_has_a_file(study, samples):
    maths = [task for task in study.tasks if study.task(task)["kind"] == "maths"]
    arms = [(run, seed, task) for run, seed in study.list_arms() for task in maths]
    paths = [f"every_eval_ever/{run}/seed{seed}/{task}_samples.jsonl" for run, seed, task in arms]
    assert sorted(samples) == sorted(paths) and arms


def test_every_row_is_valid(samples):
    schema, count = read_json(SCHEMA), 0
    checked = jsonschema.Draft7Validator(schema)
    for content in samples.values():
        for line in content.decode().splitlines():
            assert [error.message for error in checked.iter_errors(json.loads(line))] == []
            count += 1
    assert count > 100


def test_the_reader_of_logs_finds_the_same_verdicts_again(study, samples, tmp_path):
    run, seed, task = "grpo", 1, "arithmetic"
    file = tmp_path / "samples.jsonl"
    file.write_bytes(samples[f"every_eval_ever/{run}/seed{seed}/{task}_samples.jsonl"])
    logs = {log.task.partition("/")[2]: log for log in read_logs(file)}
    scores = read_jsonl(study.task_file(run, seed, task, "scores.jsonl"))
    assert {"strict", "flexible"} <= set(logs)
    for metric, log in logs.items():
        assert [item.scores["score"] for item in log.items] == [float(row[metric]) for row in scores]
