"""The library's layout of a study's folder is that of the rules."""

import re

from project_files import RULES

from tunelab.layout import ARTEFACTS, FOLDERS, RECORDS, RUN_PARTS, Layout


def test_folders_and_what_tasks_cannot_be_called_are_those_of_the_rules():
    assert set(re.findall(r'"<results>/(\w+)/', RULES)) == set(ARTEFACTS)
    assert set(FOLDERS) == {*ARTEFACTS, *RECORDS}
    assert set(re.findall(r"<results>/runs/\{run\}/seed\{seed\}/([\w.]+)", RULES)) == set(RUN_PARTS)


def test_every_path_is_one_that_a_rule_writes():
    outputs = set(re.findall(r'"(<results>/[^"]+)"', RULES))
    study, run = Layout("<results>"), ("{run}", "{seed}")
    paths = [
        study.results_file,
        study.model_file("{model}", "card.json"),
        study.dataset_file("{dataset}", "train_dataset.json"),
        study.samples_file("{samples}", "{seed}", "summary.json"),
        study.run_file(*run, "training.json"),
        *study.weights_files(*run, adapter=True),
        *study.weights_files(*run, adapter=False),
        study.task_file(*run, "{task}", "answers.jsonl"),
        study.noise_file("{repeat}", "{task}", "losses.jsonl"),
        study.tuning_file("{run}", "choice.json"),
    ]
    assert [path.as_posix() for path in paths if path.as_posix() not in outputs] == []
