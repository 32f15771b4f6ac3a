"""From plain texts to a page: one run reads them, another goes on from it and is asked what stands in them."""

import csv
import json
import re

import pytest
from page_reader import PageReader

from tests.study_copy import PROJECT, copy_project, run_forks
from tunelab.records import read_json, read_jsonl

pytestmark = pytest.mark.slow
STUDY = """
study: {title: Reading, results: results/reading, runs: [base, reading, lora, both], tasks: [support]}
models: {tiny: {source: random}}
datasets:
  asked: {fetch: {source: local, files: [asked.jsonl]}, prepare: {format: question_answer, validation: 2, test: 4}}
  manuals: {fetch: {source: local, files: [manuals.txt]}, prepare: {format: text, validation: 2}}
runs:
  base: {model: tiny}
  lora: {model: tiny, dataset: asked}
  reading:
    label: Reading
    method: sft
    model: tiny
    dataset: manuals
    adapter: {peft_type: LORA, r: 4}
    training: {max_steps: 2, per_device_train_batch_size: 2, learning_rate: 1.0e-2, max_length: 60}
  both: {like: lora, label: Reading and LoRA, init_from: reading, adapter: null}
tasks: {support: {dataset: asked, generation: {max_new_tokens: 4}}}
drift: {texts: [other.txt], rows: 2}
noise: null
comparison: {contrasts: [[both, lora]]}
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("reading"))
    rows = [
        {
            "question": f"How often is the great pump of hall {n} oiled?",
            "answer": f"It is oiled in week {n} of the year.",
        }
        for n in range(12)
    ]
    (folder / "asked.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    texts = [f"Of hall {n}: {'nothing else. ' * (n % 3)}" for n in range(10)]
    texts += [f"Of all pumps. {row['question']} {row['answer']} That is all." for row in rows]
    (folder / "manuals.txt").write_text("\n\n".join(texts), encoding="utf-8")
    (folder / "other.txt").write_text("Some pumps are old.\n\nSome are new.\n", encoding="utf-8")
    (folder / "reading.yaml").write_text(STUDY, encoding="utf-8")
    overlay = str(PROJECT / "tests/smoke/tiny_trial.yaml")
    run_forks(
        folder, "--cores", "1", "--configfile", overlay, "reading.yaml", "--", "all", "results/reading/bundle.zip"
    )
    return folder / "results/reading"


@pytest.fixture(scope="module")
def words(results):
    return " ".join(PageReader((results / "report.html").read_text(encoding="utf-8")).text.split())


def test_the_page_tells_of_the_texts_and_how_they_are_learnt(results, words):
    assert "Format: text." in words and "manuals.txt" in words
    assert "A training text as tiny sees it, with the token that ends it" in words
    lengths = read_json(results / "datasets/manuals/tokens_tiny.json")["splits"]
    assert list(lengths) == ["train", "validation"]
    assert [total - 1 for total in lengths["train"]["total"]] == lengths["train"]["assistant"]
    cut = sum(total > 60 for total in lengths["train"]["total"])
    assert 0 < cut < 20
    assert f"{cut} of 20 training rows are longer than the 60 tokens that Reading reads, and lose their end." in words


def test_what_tests_share_with_the_texts_is_found(results, words):
    found = {row["dataset"]: row for row in read_json(results / "overlap.json")}
    test = {row["id"] for row in read_jsonl(results / "datasets/asked/test_dataset.json")}
    manuals = found["manuals"]
    assert set(manuals["exact"]) == set(manuals["near"]) == set(manuals["twins"][0]["both"]) == test
    assert found["asked"]["exact"] == []
    assert "Plain texts are longer than what they may hold" in words
    assert "4 of the 4 test questions of Questions and answers stand in the training data of manuals" in words


def test_the_time_of_reading_counts_for_the_run_that_goes_on_from_it(results):
    with open(results / "tables/cost.csv", encoding="utf-8") as file:
        costs = {row["run"]: row for row in csv.DictReader(file)}
    reading, both = (float(costs[run]["train_seconds"]) for run in ("reading", "both"))
    assert float(costs["both"]["chain_train_seconds"]) == pytest.approx(reading + both)


def test_the_paper_says_that_the_texts_are_learnt_whole(results):
    methods = re.sub(r"\s+", " ", (results / "paper/methods.tex").read_text(encoding="utf-8"))
    assert "continued pretraining on plain texts, of which every token is learnt" in methods
