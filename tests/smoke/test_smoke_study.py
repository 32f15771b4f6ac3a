"""The whole workflow on a tiny random model: every stage runs for real, and the page holds together."""

import csv
import json
import re
import shutil

import pandas
import pytest
import torch
import yaml
from datasets import load_dataset
from page_reader import PageReader
from peft import PeftModel
from safetensors.torch import load_file
from smoke_study import SMOKE
from snakemake.utils import update_config
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.forks import read_python
from tests.study_copy import appended, run_forks, run_snakemake
from tunelab.config.loading import load_config
from tunelab.records import read_json, read_jsonl

pytestmark = pytest.mark.smoke
SEEDS = {"base": 0, "lora": 1, "prefix": 1, "warmstart": 1, "grpo": 1}
TRAINED = tuple(SEEDS)[1:]
TASKS, REPEATS = ("support", "sums"), ("again", "rebatched")
FIGURES = ("tasks", "contrasts", "gains", "costs", "learning_curves", "rewards", "forgetting")
MEASURED = ("answers.jsonl", "scores.jsonl", "losses.jsonl")


@pytest.fixture(scope="session")
def results(project):
    return project / "results/smoke"


@pytest.fixture(scope="session")
def page(results):
    return (results / "report.html").read_text(encoding="utf-8")


def run_folder(results, run):
    return results / f"runs/{run}/seed{SEEDS[run]}"


def list_jobs(results, part):
    """List the jobs that have a log or a card, by its path without ending."""
    return sorted(str(path.relative_to(results / part).with_suffix("")) for path in (results / part).rglob("*.*"))


def test_a_second_run_has_nothing_to_do(project):
    assert "Nothing to be done" in run_snakemake(project, *SMOKE)


def test_every_promised_artefact_is_there_and_holds_something(results):
    expected = ["report.html", "results.json", "tables/main.tex", "tables/contrasts.tex"]
    expected += [f"tables/{name}.csv" for name in ("main", "estimates", "contrasts", "cost")]
    expected += [f"figures/{name}.{ending}" for name in FIGURES for ending in ("svg", "pdf")]
    expected += [f"noise/{repeat}/{task}/{name}" for repeat in REPEATS for task in TASKS for name in MEASURED]
    expected += [f"models/tiny/{name}" for name in ("card.json", "model/config.json", "model/model.safetensors")]
    for dataset in ("chat", "sums"):
        names = ["card", "data_card", "tokens_tiny", "train_dataset", "validation_dataset", "test_dataset"]
        expected += [f"datasets/{dataset}/{name}.json" for name in names]
    for run, seed in SEEDS.items():
        names = ("answers.jsonl", "generation.json", "losses.jsonl", "scores.jsonl", "metrics.json")
        expected += [f"runs/{run}/seed{seed}/{task}/{name}" for task in TASKS for name in names]
        expected += [f"runs/{run}/seed{seed}/{name}" for name in ("drift.jsonl", "sums/samples.jsonl")]
    for run in TRAINED:
        names = ("adapter_model.safetensors", "adapter_config.json", "README.md")
        expected += [f"runs/{run}/seed1/{name}" for name in ("history.jsonl", "training.json")]
        expected += [f"runs/{run}/seed1/adapter/{name}" for name in names]
    assert [name for name in expected if not (results / name).is_file() or not (results / name).stat().st_size] == []
    assert not list(results.rglob("*.part"))
    for run in TRAINED:
        assert len(list((run_folder(results, run) / "tensorboard").rglob("events.out.tfevents.*"))) == 1


def test_every_rule_left_a_log_and_no_log_a_traceback(results):
    logs = list((results / "logs").rglob("*.log"))
    assert list_jobs(results, "logs") == list_jobs(results, "cards") != []
    assert [path.name for path in logs if "Traceback" in path.read_text(encoding="utf-8")] == []


def test_the_page_says_that_its_numbers_are_no_results(page):
    assert "these numbers are not results" in PageReader(page).text
    assert '<p class="banner" role="note"><strong>Smoke study.</strong>' in page


def test_the_page_is_whole_and_loads_nothing(page):
    reader = PageReader(page)
    assert reader.tags.count("svg") == len(FIGURES)
    assert reader.tags.count("table") >= 5
    assert reader.tags.count("script") == 4  # words, questions and sources, as data, and what draws them
    assert [target for target in reader.loads if not target.startswith(("#", "data:"))] == []
    assert not re.search(r"url\(\s*['\"]?(?!#|data:)|@import", page)


def test_every_link_within_the_page_leads_somewhere(page):
    reader = PageReader(page)
    inner = [target for target in reader.links if target.startswith("#")]
    assert len(inner) >= 7
    asked = {target[1:] for target in inner if not target.startswith("#answers/")}  # those open a list of answers
    assert asked - set(reader.ids) == set()
    assert len(set(reader.ids)) == len(reader.ids)


def test_the_page_has_no_hole_in_place_of_a_value(page):
    assert re.findall(r"\b(?:nan|None|inf|undefined|NaN)\b", PageReader(page).text) == []


def test_the_page_names_every_run_and_task(page):
    text = PageReader(page).text
    for label in ("Untouched", "LoRA", "Prefix tuning", "Warm start", "GRPO", "Questions and answers", "Sums"):
        assert label in text


@pytest.mark.parametrize("run", TRAINED)
def test_an_adapter_loads_on_a_fresh_model_and_changes_its_logits(results, run):
    base, adapter = results / "models/tiny/model", run_folder(results, run) / "adapter"
    model, tokens = (
        AutoModelForCausalLM.from_pretrained(base),
        AutoTokenizer.from_pretrained(base)("2 + 2 =", return_tensors="pt"),
    )
    with torch.no_grad():
        before = model(**tokens).logits
        after = PeftModel.from_pretrained(model, adapter)(**tokens).logits
    assert torch.isfinite(after).all()
    assert not torch.allclose(before, after)


@pytest.mark.parametrize("run", TRAINED)
def test_a_published_adapter_names_no_place_on_this_machine(results, run):
    adapter = run_folder(results, run) / "adapter"
    texts = [path.read_text(encoding="utf-8") for path in sorted(adapter.iterdir()) if path.suffix in (".json", ".md")]
    assert len(texts) >= 2
    assert not [text for text in texts if str(results.parents[1]) in text or "/tmp/" in text]


def test_grpo_starts_from_the_warm_start_and_moves_away(results):
    start, end = (
        load_file(run_folder(results, run) / "adapter/adapter_model.safetensors") for run in ("warmstart", "grpo")
    )
    assert start.keys() == end.keys()
    assert any(not torch.equal(start[name], end[name]) for name in start)


def test_every_completion_of_grpo_is_kept_with_its_rewards(results, project):
    merged: dict = {}
    for name in ("config", "smoke"):
        update_config(merged, yaml.safe_load((project / f"config/{name}.yaml").read_text(encoding="utf-8")))
    training = load_config(merged, "config/smoke.yaml").runs["grpo"].training
    sampled = training["per_device_train_batch_size"] * training["gradient_accumulation_steps"]
    rows = pandas.read_parquet(run_folder(results, "grpo") / "completions.parquet")
    assert len(rows) == training["max_steps"] * sampled > 0
    rewards = {"correctness", "integer", "strict_format", "soft_format", "xml_count"}
    columns = {"step", "prompt", "answer", "completion", "reward", "advantage", "tokens", "truncated"}
    assert columns | rewards <= set(rows.columns)
    assert rows["reward"].nunique() > 1
    assert rows["reward"].sub(rows[sorted(rewards)].sum(axis=1)).abs().max() < 1e-6


@pytest.mark.parametrize(("dataset", "columns"), [("chat", {"id", "messages"}), ("sums", {"id", "messages", "answer"})])
def test_a_prepared_split_loads_as_datasets_reads_it(results, tmp_path, dataset, columns):
    folder, cards = results / "datasets" / dataset, read_json(results / f"datasets/{dataset}/data_card.json")
    for split in ("train", "validation", "test"):
        files = str(folder / f"{split}_dataset.json")
        rows = load_dataset("json", data_files=files, split="train", cache_dir=str(tmp_path))
        assert set(rows.column_names) == columns
        assert len(rows) == cards["rows"][split] > 0
        assert [row["messages"][-1]["role"] for row in rows] == ["assistant"] * len(rows)


@pytest.mark.parametrize("run", SEEDS)
def test_every_run_answers_the_same_rows_of_every_task(results, run):
    for task, dataset in zip(TASKS, ("chat", "sums"), strict=True):
        folder = run_folder(results, run) / task
        asked = [row["id"] for row in read_jsonl(results / f"datasets/{dataset}/test_dataset.json")]
        assert len(asked) == 8
        for name in ("answers", "losses", "scores"):
            assert [row["id"] for row in read_jsonl(folder / f"{name}.jsonl")] == asked
        assert read_json(folder / "metrics.json")["n"] == 8


def test_the_tables_have_a_line_for_every_run_and_task(results):
    with open(results / "tables/main.csv", encoding="utf-8") as file:
        lines = {(line["run"], line["task"]) for line in csv.DictReader(file)}
    assert lines == {(run, task) for run in SEEDS for task in TASKS}
    with open(results / "tables/cost.csv", encoding="utf-8") as file:
        assert [line["run"] for line in csv.DictReader(file)] == list(TRAINED)
    assert json.dumps(read_json(results / "results.json"), allow_nan=False)


def test_the_repeats_are_evaluations_of_their_own(results):
    cards = [
        path for stage in ("generate_repeats", "measure_repeats") for path in (results / "cards" / stage).iterdir()
    ]
    assert len(cards) == 2 * len(REPEATS) * len(TASKS)
    assert [path.name for path in cards if read_json(path)["reused_from"]] == []


def test_every_artefact_is_what_its_card_says(project, results):
    code, printed = read_python(project, "scripts/verify_artefacts.py", "--configfile", "config/smoke.yaml")
    assert code == 0, printed
    assert f"with cards: {len(list_jobs(results, 'cards'))}; all are what the cards say." in printed


def test_a_data_set_that_is_made_again_with_the_same_rows_trains_nothing(project, tmp_path):
    folder = shutil.copytree(project, tmp_path / "copy")
    with appended(folder / "scripts/tunelab/sources/tables.py", "\n\ndef stranger():\n    return 1\n"):
        printed = run_forks(folder, "results/smoke/runs/lora/seed1/training.json", *SMOKE)
    assert "[train_sft lora 1] nothing to do: equal work was finished at" in printed
    assert "step 1 of" not in printed
    card = read_json(folder / "results/smoke/cards/train/lora_seed1.json")
    first = read_json(project / "results/smoke/cards/train/lora_seed1.json")
    assert card["reused_from"] == first["finished"] and card["outputs"] == first["outputs"]
