"""What all trainings share: precision, arguments, the history, costs and publishing."""

import json
from types import SimpleNamespace

import pytest
import torch
from trl import GRPOConfig, SFTConfig

from tests.unit.training.training_jobs import build_job
from tunelab import records
from tunelab.config.specs.training import CheckpointSettings, SftRun
from tunelab.errors import UserError
from tunelab.models import publishing
from tunelab.training import shared
from tunelab.training.outcome import publish_events

SAVING = CheckpointSettings(save_steps=11, save_total_limit=3)
LORA = {"peft_type": "LORA", "r": 4}
NAMES = {"label": "Trial", "model": "tiny", "dataset": "chat", "training": {}}
SFT = SftRun(method="sft", **NAMES)


def build(checkpoints, settings, config=SFTConfig, **others):
    return shared.build_arguments(config, build_job(checkpoints, checkpoints, SFT, saving=SAVING, **others), settings)


def log_step(log, step=1, **numbers):
    state = SimpleNamespace(global_step=step, max_steps=4, log_history=[{"step": step, **numbers}])
    log.on_log(SimpleNamespace(fp16=False), state, None, logs=numbers, model=torch.nn.Linear(1, 1))


@pytest.fixture
def log():
    made = shared.ProgressLog()
    made.on_train_begin(None, SimpleNamespace(global_step=0), None)
    return made


def test_what_only_the_machine_can_tell_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match=r"^training: SFTConfig refuses this on this machine \(--tf32 requires"):
        build(tmp_path, {"tf32": True})


@pytest.mark.parametrize("config", [SFTConfig, GRPOConfig])
@pytest.mark.parametrize(("dtype", "bf16"), [(torch.bfloat16, True), (torch.float32, False)])
def test_the_users_settings_stand_over_the_workflows_and_nothing_is_float16(tmp_path, config, dtype, bf16):
    settings = {"learning_rate": 0.125, "logging_steps": 5}
    made = build(tmp_path / "run", settings, config=config, seed=7, dtype=dtype)
    assert (made.bf16, made.fp16, made.use_cpu) == (bf16, False, True)
    assert (made.learning_rate, made.logging_steps, made.seed) == (0.125, 5, 7)
    assert made.report_to == ["tensorboard"]
    assert made.output_dir == str(tmp_path / "run")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("steps", 11, 3)),
        ({"save_steps": 4}, ("steps", 4, 3)),
        ({"save_strategy": "epoch", "save_total_limit": 5}, ("epoch", 11, 5)),
        ({"save_strategy": "no"}, ("no", 11, 3)),
    ],
)
def test_checkpoints_are_saved_as_the_study_says_unless_the_run_says_otherwise(tmp_path, settings, expected):
    made = build(tmp_path, settings)
    assert (made.save_strategy, made.save_steps, made.save_total_limit) == expected


def test_float16_on_a_cpu_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"training.fp16: float16 on a CPU is hundreds of times slower"):
        build(tmp_path, {"fp16": True})


def test_moving_activations_to_main_memory_is_refused_where_they_are_there(tmp_path):
    with pytest.raises(UserError, match=r"training\.activation_offloading: on a CPU they are in main memory already"):
        build(tmp_path, {"activation_offloading": True})


def test_the_seed_is_set_before_anything_is_drawn(tmp_path):
    drawn = []
    for seed in (3, 3, 4):
        build(tmp_path, {}, seed=seed)
        drawn.append(torch.rand(1).item())
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_row_of_the_history_carries_step_tokens_and_seconds(log):
    log.on_step_begin(None, None, None)
    log.on_step_end(None, None, None)
    log_step(log, 1, loss=2.5, num_tokens=40.0, epoch=0.5, note="text is left out")
    log_step(log, 1, eval_loss=2.0, epoch=0.5)
    first, second = log.rows
    assert first == {"step": 1, "epoch": 0.5, "tokens": 40, "seconds": first["seconds"], "loss": 2.5}
    assert second == {"step": 1, "epoch": 0.5, "tokens": 40, "seconds": second["seconds"], "eval_loss": 2.0}


def test_evaluations_cost_no_training_seconds(log, monkeypatch):
    clock = iter([10.0, 11.0, 100.0, 102.0])
    monkeypatch.setattr(shared.time, "monotonic", lambda: next(clock))
    for _ in range(2):
        log.on_step_begin(None, None, None)
        log.on_step_end(None, None, None)
    assert log.train_seconds == 3.0


@pytest.mark.parametrize("name", ["loss", "eval_loss"])
def test_a_loss_that_is_no_number_stops_the_training(log, name):
    with pytest.raises(UserError, match=r"loss became NaN at step 3; lower training.learning_rate"):
        log_step(log, 3, **{name: float("nan")})


def test_a_gradient_that_overflowed_once_does_not_spoil_the_history(log, tmp_path):
    for number in ("inf", "nan"):
        log_step(log, loss=2.5, grad_norm=float(number))
    records.write_jsonl(tmp_path / "history.jsonl", log.rows)
    assert [row["loss"] for row in records.read_jsonl(tmp_path / "history.jsonl")] == [2.5, 2.5]


def test_the_time_left_is_reckoned_from_this_attempts_own_steps(monkeypatch, capsys):
    clock = iter([100.0, 110.0])
    monkeypatch.setattr(shared.time, "monotonic", lambda: next(clock))
    log = shared.ProgressLog()
    log.on_train_begin(None, SimpleNamespace(global_step=90), None)
    log.on_log(None, SimpleNamespace(global_step=95, max_steps=100), None, logs={"loss": 0.5})
    assert capsys.readouterr().out == "step 95 of 100, loss 0.5, 10 s left\n"


def test_event_files_are_put_where_they_are_promised(tmp_path, train_sft, llama):
    train_sft(llama, LORA, report_to=["tensorboard"], checkpoints=tmp_path / "checkpoints")
    publish_events(tmp_path / "checkpoints", tmp_path / "out" / "events")
    files = [file.name for file in (tmp_path / "out" / "events").rglob("*") if file.is_file()]
    assert len(files) == 1
    assert files[0].startswith("events.out.tfevents")


def test_a_run_that_reports_nothing_still_leaves_the_promised_folder(tmp_path, train_sft, llama):
    train_sft(llama, LORA, report_to="none", checkpoints=tmp_path / "checkpoints")
    publish_events(tmp_path / "checkpoints", tmp_path / "out" / "events")
    assert [*(tmp_path / "out" / "events").iterdir()] == []


def test_the_costs_tell_what_was_trained_with_what(train_sft, llama):
    run = train_sft(llama, LORA)
    adapter = 2 * 4 * (64 + 64) + 2 * 4 * (64 + 32)  # two layers, rank 4, of query (64×64) and value (64×32)
    whole = sum(weight.numel() for weight in run.model.parameters())
    assert run.costs["trainable_parameters"] == adapter
    assert run.costs["total_parameters"] == whole > 100_000
    assert run.costs["tokens_per_second"] == pytest.approx(run.costs["tokens"] / run.costs["train_seconds"])
    assert run.costs["peak_memory_bytes"] > 50_000_000
    assert (run.costs["dtype"], run.costs["threads"]) == ("float32", torch.get_num_threads())
    assert set(run.costs["versions"]) >= {"torch", "transformers", "trl", "peft"}
    json.dumps(run.costs, allow_nan=False)


def test_publishing_again_replaces_the_folder_and_leaves_no_half_written_one(train_sft, llama, tmp_path):
    run, folder = train_sft(llama, LORA), tmp_path / "adapter"
    (tmp_path / "adapter.part").mkdir()
    (tmp_path / "adapter.part" / "left_over.safetensors").touch()
    card = {"model": "tiny", "source": {"source": "hub", "repo_id": "org/tiny"}, "revision": "abc", "licence": None}
    for _ in range(2):
        sizes = publishing.publish_weights(run.model, run.trainer.processing_class, folder, card)
    files = {file.name: file.stat().st_size for file in folder.iterdir()}
    assert sorted(files) == ["adapter_config.json", "adapter_model.safetensors", "chat_template.jinja"]
    assert not (tmp_path / "adapter.part").exists()
    config = records.read_json(folder / "adapter_config.json")
    assert (config["base_model_name_or_path"], config["revision"]) == ("org/tiny", "abc")
    assert sizes == {
        "saved_parameters": run.costs["trainable_parameters"],
        "artefact_bytes": sum(files.values()) - files["chat_template.jinja"],
    }


def test_publishing_leaves_the_model_card_alone_and_does_not_count_it(train_sft, llama, tmp_path):
    run, folder = train_sft(llama, LORA), tmp_path / "adapter"
    folder.mkdir()
    (folder / "README.md").write_text("rendered by another stage")
    card = {"model": "tiny", "source": {"source": "random"}, "revision": None, "licence": None}
    sizes = publishing.publish_weights(run.model, run.trainer.processing_class, folder, card)
    assert (folder / "README.md").read_text() == "rendered by another stage"
    weights = ("adapter_config.json", "adapter_model.safetensors")
    assert sizes["artefact_bytes"] == sum((folder / name).stat().st_size for name in weights)
