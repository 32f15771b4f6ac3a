"""What no config refers to is listed, and nothing else."""

import os
import re
import time
from pathlib import Path

import pytest
import yaml

from tests.unit.jobs.card_factory import write_card, write_file
from tunelab.config.loading import load_config
from tunelab.errors import UserError
from tunelab.layout import RECORD_NAMES
from tunelab.upkeep.overlays import merge
from tunelab.upkeep.stale import UNFINISHED_DAYS, list_references, list_stale

PROJECT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((PROJECT / "config/config.yaml").read_text(encoding="utf-8"))
FULL = {
    "label": "Full",
    "method": "sft",
    "model": "smollm2",
    "dataset": "support",
    "adapter": None,
    "training": {"max_steps": 5},
}


def build_config(**overlay):
    return load_config(merge(DEFAULT, overlay), "a test")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_file("results/cards/compare_methods.json", "{}")
    Path("results/cards/compare_methods.json").unlink()


def list_paths(*configs):
    return [str(path) for found in list_stale(list(configs) or [build_config()]) for path in found.paths]


@pytest.mark.parametrize(
    "path",
    [
        "results/models/smollm2/model/model.safetensors",
        "results/datasets/sums/raw/train/data.arrow",
        "results/datasets/sums/tokens_smollm2.json",
        "results/runs/base/seed0/sums/answers.jsonl",
        "results/runs/lora/seed1/adapter/adapter_model.safetensors",
        "results/runs/lora/seed1/merged/model.safetensors",
        "results/runs/lora/seed1/tensorboard/events",
        "results/runs/lora/seed1/history.jsonl",
        "results/runs/lora/.cache/x",
        "results/noise/again/sums/answers.jsonl",
        "results/logs/train/lora_seed1.log",
        "results/benchmarks/generate_answers/base_seed0_support.jsonl",
        "results/logs/measure_tokens/sums/smollm2.log",
        "results/logs/render_model_card/grpo_seed1_adapter.log",
        "results/logs/compare_methods.log",
        "results/logs/a_stage_of_the_future/x.log",
        "results/tables/main.csv",
        "results/report.html",
        "results/notes/mine.txt",
        "results/tables/main.csv",
    ],
)
def test_what_the_config_refers_to_stays_and_so_does_what_is_nobodys(path):
    write_file(path)
    assert list_paths() == []


@pytest.mark.parametrize(
    ("path", "stale"),
    [
        ("results/models/old/model/model.safetensors", "results/models/old"),
        ("results/datasets/old/card.json", "results/datasets/old"),
        ("results/datasets/sums/tokens_old.json", "results/datasets/sums/tokens_old.json"),
        ("results/runs/old/seed1/history.jsonl", "results/runs/old"),
        ("results/runs/lora/seed2/history.jsonl", "results/runs/lora/seed2"),
        ("results/runs/base/seed1/sums/answers.jsonl", "results/runs/base/seed1"),
        ("results/runs/lora/seed1/old/answers.jsonl", "results/runs/lora/seed1/old"),
        ("results/runs/lora/seed1/model/model.safetensors", "results/runs/lora/seed1/model"),
        ("results/samples/old/seed1/answers.jsonl", "results/samples/old"),
        ("results/noise/old/sums/answers.jsonl", "results/noise/old"),
        ("results/noise/again/old/answers.jsonl", "results/noise/again/old"),
        ("results/logs/train/lora_seed2.log", "results/logs/train/lora_seed2.log"),
        ("results/benchmarks/fetch_model/old.jsonl", "results/benchmarks/fetch_model/old.jsonl"),
    ],
)
def test_what_the_config_does_not_refer_to_is_listed_once(path, stale):
    write_file(path)
    assert list_paths() == [stale]


def test_a_run_that_is_defined_but_not_selected_keeps_its_results():
    write_file("results/runs/full/seed1/model/model.safetensors")
    write_file("results/runs/full/seed1/adapter/adapter_model.safetensors")
    config = build_config(runs={"full": FULL}, study={"runs": ["base"]}, noise=None)
    assert list_paths(config) == ["results/runs/full/seed1/adapter"]
    assert list_paths() == ["results/runs/full"]


def test_what_any_config_of_the_same_folder_refers_to_stays():
    write_file("results/runs/full/seed7/history.jsonl")
    for seed in (1, 8):
        write_file(f"results/runs/lora/seed{seed}/history.jsonl")
    config = build_config(runs={"full": FULL}, study={"seeds": [7]})
    assert list_paths(build_config(), config) == ["results/runs/lora/seed8"]


def test_each_study_keeps_what_its_own_configs_refer_to():
    write_file("results/mine/runs/lora/seed7/history.jsonl")
    write_file("results/mine/runs/lora/seed1/history.jsonl")
    write_file("results/runs/lora/seed1/history.jsonl")
    mine = build_config(study={"results": "results/mine", "seeds": [7]})
    assert list_paths(build_config(), mine) == ["results/mine/runs/lora/seed1"]


def test_a_study_of_no_config_is_listed_as_a_whole_with_those_in_its_folder():
    write_file("results/old/cards/render_report.json")
    write_file("results/old/trial/runs/x/y")
    assert list_paths() == ["results/old"]


def test_a_study_of_no_config_around_one_that_is_wanted_goes_without_that_one():
    write_file("results/old/runs/lora/x")
    write_file("results/old/report.html")
    write_file("results/old/new/runs/lora/seed1/history.jsonl")
    wanted = build_config(study={"results": "results/old/new"})
    assert list_paths(build_config(), wanted) == ["results/old/runs", "results/old/report.html"]


def test_links_are_listed_as_links_and_never_looked_behind(tmp_path):
    mine = tmp_path / "mine"
    write_file(str(mine / "old/seed1/x"))
    Path("results/runs").symlink_to(mine)
    assert list_paths() == []
    Path("results/models").mkdir()
    Path("results/models/old").symlink_to(mine)
    assert list_paths() == ["results/models/old"]


def keep(name, *contents, days=0, part="outputs"):
    """Fill an entry of the kept results and return its files."""
    files = [write_file(f"work/kept/{name}/{part}/{number}", content) for number, content in enumerate(contents)]
    for file in files:
        os.utime(file, (time.time() - days * 86400,) * 2)
    return files


def test_a_kept_result_that_no_result_shares_is_listed():
    keep("train_sft-1111", "weights")
    assert list_paths() == ["work/kept/train_sft-1111"]


def test_a_kept_result_that_a_result_shares_as_a_file_stays():
    (file,) = keep("train_sft-1111", "weights")
    write_file("results/runs/lora/seed1/history.jsonl")
    os.link(file, "results/runs/lora/seed1/weights")
    assert list_paths() == []


def test_a_kept_result_that_a_card_names_stays_where_links_are_not_possible():
    keep("train_sft-1111", "weights")
    weights = write_file("results/runs/lora/seed1/adapter/weights", "weights")
    log = "results/logs/train/lora_seed1.log"
    write_card(log, outputs=[weights], rule="train_sft", key="1111")
    assert list_paths() == []
    write_card(log, outputs=[weights], rule="train_sft", key="2222")
    assert list_paths() == ["work/kept/train_sft-1111"]


def test_a_kept_result_goes_with_the_last_result_that_shares_it():
    (file,) = keep("train_sft-1111", "weights")
    write_file("results/runs/old/seed1/history.jsonl")
    os.link(file, "results/runs/old/seed1/weights")
    write_card("results/logs/train/old_seed1.log", rule="train_sft", key="1111")
    assert list_paths() == ["results/runs/old", "results/cards/train/old_seed1.json", "work/kept/train_sft-1111"]


@pytest.mark.parametrize(("days", "listed"), [(0, 0), (UNFINISHED_DAYS - 1, 0), (UNFINISHED_DAYS + 1, 1)])
def test_checkpoints_and_broken_off_downloads_are_left_alone_for_two_weeks(days, listed):
    keep("train_sft-1111", "state", days=days, part="checkpoints")
    part = write_file("work/downloads/hub/models--Qwen--Q/blobs/abc.incomplete")
    os.utime(part, (time.time() - days * 86400,) * 2)
    hub = build_config(models={"q": {"source": "hub", "repo_id": "Qwen/Q", "revision": "main"}})
    assert list_paths(hub) == ["work/kept/train_sft-1111", part][: 2 * listed]


def test_what_was_downloaded_for_a_repository_of_no_config_goes_but_its_recorded_revision_stays():
    for repository in ("models--Qwen--Q", "models--Qwen--Old", "datasets--openai--gsm8k"):
        write_file(f"work/downloads/hub/{repository}/blobs/abc")
        write_file(f"work/downloads/hub/{repository}/refs/main")
    source = {"source": "hub", "repo_id": "openai/gsm8k", "licence": "MIT"}
    config = build_config(
        models={"q": {"source": "hub", "repo_id": "Qwen/Q", "revision": "main"}},
        datasets={"gsm8k": {"fetch": source, "prepare": {"format": "gsm8k"}}},
    )
    assert list_paths(config) == ["work/downloads/hub/models--Qwen--Old/blobs"]


def test_a_broken_card_stops_everything_since_it_may_name_a_kept_result():
    keep("train_sft-1111", "weights")
    write_file("results/cards/train/lora_seed1.json", "{")
    with pytest.raises(UserError, match=r"results/cards/train/lora_seed1\.json is no provenance card"):
        list_paths()


def test_the_names_of_logs_are_those_of_the_rules():
    rules = "\n".join(path.read_text(encoding="utf-8") for path in sorted((PROJECT / "rules").glob("*.smk")))
    found = set(re.findall(r'"<(?:logs|benchmarks)>/(\w+)/(.+)\.(?:log|jsonl)"', rules))
    assert found == set(RECORD_NAMES.items())


def test_the_default_config_refers_to_all_its_jobs():
    names = list_references(build_config())
    logs = {name for name in names if name.partition("/")[0] in RECORD_NAMES}
    # fetched 1 + 2, prepared 2, measured 2, trained 5 (the untouched one too), rendered 4 × 2 …
    assert {"train/lora_seed1", "merge_adapter/lora_seed1", "render_model_card/lora_seed1_adapter"} < logs
    assert {f"score_answers/{run}_sums" for run in ("base_seed0", "grpo_seed1")} < logs
    assert "train/lora_seed2" not in names


def test_a_teacher_of_another_model_is_referred_to_by_the_look_at_its_vocabulary():
    mine = {"method": "distillation", "label": "M", "model": "smollm2", "dataset": "sums", "init_from": "warmstart"}
    spare = {"source": "random", "architecture": {"model_type": "llama"}}
    config = build_config(models={"spare": spare}, runs={"mine": mine | {"teacher": "spare", "training": {}}})
    records = {name for name in list_references(config) if name.startswith("check_vocabulary")}
    assert records == {"check_vocabulary/smollm2_spare"}
