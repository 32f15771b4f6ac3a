"""A bench trains both variants for a few steps, compares what they learnt, and summarises their times."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import forks
from tunelab import records
from tunelab.benchmarks import measuring
from tunelab.benchmarks.measuring import CHECKED, Bench, cut_run
from tunelab.benchmarks.summary import draw_parts, find_ratio, list_differences, render_table, summarise
from tunelab.config.specs.training import GrpoRun, Rewards, SftRun
from tunelab.upkeep.overlays import read_config

PROJECT = Path(__file__).parents[3]

SFT = SftRun(
    method="sft",
    label="LoRA",
    model="tiny",
    dataset="talks",
    adapter={"peft_type": "LORA", "r": 4, "lora_dropout": 0.5, "target_modules": "all-linear"},
    training={
        "max_steps": 90,
        "eval_strategy": "steps",
        "eval_steps": 5,
        "learning_rate": 1e-3,
        "num_train_epochs": 2,
        "gradient_checkpointing": False,
    },
)
GRPO = GrpoRun(
    method="grpo",
    label="GRPO",
    model="tiny",
    dataset="talks",
    adapter={"peft_type": "LORA", "r": 4},
    rewards=Rewards(weights={"random": 1.0}),
    training={
        "max_steps": 9,
        "num_generations": 4,
        "per_device_train_batch_size": 4,
        "max_completion_length": 8,
        "gradient_checkpointing": False,
    },
)


def build_round(*seconds, parts=("forward", "backward"), tokens=100):
    steps = [
        {"seconds": each, "parts": dict.fromkeys(parts, each / 2), "page_faults": 7, "system_seconds": 0.5}
        for each in seconds
    ]
    return {
        **{"steps": steps, "tokens": [tokens] * len(steps), "peak_memory_bytes": 2**30, "layer_weights": 1000},
        **{"scoring": "packed rows", "threads": 2},
    }


def test_a_run_is_cut_and_keeps_its_settings():
    cut = cut_run(SFT, 7, checked=False)
    assert cut.training == {
        **{"max_steps": 7, "learning_rate": 1e-3, "gradient_checkpointing": False},
        **{"eval_strategy": "no", "load_best_model_at_end": False},
    }
    assert cut.adapter == SFT.adapter
    assert cut_run(SFT, 7, checked=True).adapter["lora_dropout"] == 0.0


@pytest.mark.parametrize(
    ("project", "wrong"),
    [
        ({"loss": [1.2, 0.30001]}, []),
        ({"loss": [1.2, 0.302]}, ["loss at step 2: plain 0.3, project 0.302"]),
        ({"loss": [1.2, float("nan")]}, ["loss at step 2: plain 0.3, project nan"]),
        ({"loss": [1.2]}, ["loss: 2 steps against 1"]),
        ({"reward": [1.2, 0.3]}, ["plain logs loss, project reward"]),
    ],
)
def test_curves_that_part_are_told(project, wrong):
    assert list_differences({"loss": [1.2, 0.3]}, project) == wrong


def test_the_first_step_warms_up_and_rounds_are_compared_one_by_one():
    plain, project = [build_round(99, 4, 4), build_round(99, 8, 8)], [build_round(99, 2, 2), build_round(99, 2, 2)]
    assert find_ratio({"plain": plain, "project": project}) == {"median": 3, "min": 2, "max": 4}
    row = summarise(plain, "sft", product_rate=400_000)
    assert row["seconds"] == {"median": 6, "min": 4, "max": 8, "steps": 4}
    assert row["tokens_per_second"] == pytest.approx(400 / 24)
    # four operations for each of 1,000 weights and 16.7 tokens a second, of 400,000
    assert row["product_share"] == pytest.approx(1 / 6)
    assert summarise(plain, "grpo", product_rate=400_000)["product_share"] == pytest.approx(1 / 3)
    assert summarise(plain, "sft", product_rate=None)["product_share"] is None


@pytest.fixture
def measured() -> dict:
    """What a bench found of one run."""
    rounds = {"plain": [build_round(9, 4)], "project": [build_round(9, 2)]}
    variants = {variant: summarise(found, "sft", 1e6) for variant, found in rounds.items()}
    return {"runs": {"lora": {"dtype": "float32", "ratio": find_ratio(rounds), "variants": variants}}}


def test_the_table_has_a_row_for_each_variant_and_a_ratio_for_the_project(measured):
    _, _, plain, project = render_table(measured).splitlines()
    assert plain.startswith("| lora | float32 | plain | 4.00 (4.00–4.00) |  | 25 | 1.00 | 7 |")
    assert project.startswith("| lora | float32 | project | 2.00 (2.00–2.00) | ×2.00 (2.00–2.00) | 50 |")


def test_the_parts_of_a_step_are_drawn_for_each_variant(measured, tmp_path):
    draw_parts(measured, tmp_path / "parts.svg")
    drawn = (tmp_path / "parts.svg").read_text(encoding="utf-8")
    assert all(text in drawn for text in ("lora (float32): seconds a step", "plain", "project"))


@pytest.fixture
def bench(tmp_path, llama, monkeypatch):
    """A bench on a tiny model, whose study is in `tmp_path`."""
    results = tmp_path / "results"
    (results / "models").mkdir(parents=True)
    (results / "models/tiny").symlink_to(llama.parent)
    rows = [
        {
            "id": f"talks-{number}",
            "messages": [
                {"role": "user", "content": f"Is {number} even?"},
                {"role": "assistant", "content": f"It is {'odd' if number % 2 else 'even'}, as {number} shows."},
            ],
            "answer": str(number),
        }
        for number in range(40)
    ]
    records.write_jsonl(results / "datasets/talks/train_dataset.json", rows)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    config = SimpleNamespace(study=SimpleNamespace(results=str(results)), runs={"lora": SFT, "grpo": GRPO})
    return Bench(config, tmp_path / "bench")


def run_fork(command, env, stdout, **_):
    """Stand in for `subprocess.run`, so that the libraries need not be loaded again for each training."""
    _, *words = map(str, command)
    inherited = {name: env[name] for name in ("PYTHONPATH", "OMP_NUM_THREADS")}
    code = forks.run_python(PROJECT, *words, output=stdout.fileno(), loaded=forks.LIBRARIES, **inherited)
    return SimpleNamespace(returncode=code)


@pytest.mark.parametrize("run", ["lora", "grpo"])
def test_both_ways_learn_the_same_in_float32(bench, run, monkeypatch):
    monkeypatch.setattr(measuring.subprocess, "run", run_fork)
    plain, project = (bench.measure(run, variant, "float32", "checked", True) for variant in ("plain", "project"))
    assert not list_differences(plain["curves"], project["curves"])
    assert len(plain["curves"]["grad_norm"]) == CHECKED and all(plain["curves"]["grad_norm"])
    assert plain["tokens"] == project["tokens"] and min(plain["tokens"]) > 0
    assert plain["scoring"] == "TRL" and project["scoring"] == "packed rows"
    # 2 layers of 4 matrices of attention and 3 of the rest
    assert plain["layer_weights"] == project["layer_weights"] == 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)
    parts = {"generate", "reference", "policy", "rest"} if run == "grpo" else {"forward", "backward", "rest"}
    for row in project["steps"]:
        assert set(row["parts"]) == parts and min(row["parts"].values()) > 0
        assert sum(row["parts"].values()) == pytest.approx(row["seconds"])


def test_a_training_that_fails_names_its_log(bench, monkeypatch):
    from tunelab.errors import UserError

    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UserError, match=r"plain training of lora failed; .*lora_checked_plain.log says why"):
        bench.measure("lora", "plain", "float32", "checked", True)


def test_the_study_whose_planning_is_timed_is_valid(monkeypatch, tmp_path):
    monkeypatch.setattr(measuring, "PLACE", tmp_path)
    monkeypatch.setattr(
        measuring.subprocess, "run", lambda command, **_: SimpleNamespace(returncode=0, command=command)
    )
    monkeypatch.chdir(PROJECT)
    assert measuring.time_plan(10, []) >= 0
    config = read_config([tmp_path / "plan_10.json"])
    assert len(config.study.runs) * len(config.study.seeds) == 10
