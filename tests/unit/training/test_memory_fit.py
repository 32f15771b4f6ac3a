"""A training that runs out of a GPU's memory goes on in smaller micro-batches, and learns what it would have learnt."""

import weakref
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from transformers import Trainer
from trl import DPOConfig, GRPOConfig, GRPOTrainer, KTOConfig, SFTConfig

from tests.unit.training.training_jobs import build_job
from tunelab import records
from tunelab.config.specs.training import CheckpointSettings, DistillationRun, DpoRun, GrpoRun, Rewards, SftRun
from tunelab.errors import UserError
from tunelab.training import checkpoints, distillation, dpo, grpo, kto, memory_fit, sft

FULL = "CUDA out of memory. Tried to allocate 2.00 GiB."
LORA = {"peft_type": "LORA", "r": 4, "lora_dropout": 0.0, "target_modules": "all-linear"}
STEPS = 5
COMMON = {"max_steps": STEPS, "learning_rate": 1e-2, "report_to": "none"}
DRAWN = {"max_completion_length": 6}
SETTINGS = {
    # ten rows: the last step of an epoch has two of them
    "sft": {"per_device_train_batch_size": 4, "max_length": 128},
    "dpo": {"per_device_train_batch_size": 4, "max_length": 128},
    "grpo": {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2, "num_generations": 4, **DRAWN},
    "rloo": {"per_device_train_batch_size": 4, "num_generations": 4, "steps_per_generation": 1, **DRAWN},
    "distillation": {"per_device_train_batch_size": 4, **DRAWN},
}


@pytest.fixture
def begin(tmp_path, rows, llama, create_tiny, monkeypatch):
    """Return a function that trains by a method, in a folder of checkpoints that is kept."""
    length = lambda prompts, completions, **others: [float(len(turns[0]["content"])) for turns in completions]  # noqa: E731
    monkeypatch.setattr(grpo, "build_reward_functions", lambda spec: ([length], [1.0]))

    def begin(method, name="checkpoints", save_steps=2, **settings):
        fields = {"label": "Trial", "model": "tiny", "dataset": "chat", "adapter": LORA, "method": method}
        fields["training"] = COMMON | SETTINGS[method] | settings
        build = partial(build_job, llama, tmp_path / name, saving=CheckpointSettings(save_steps=save_steps), seed=3)
        if method == "sft":
            return sft.train(build(spec=SftRun(**fields)), rows[:10], rows[10:])
        if method == "dpo":
            wanted = [
                {"chosen": row["messages"][1], "rejected": {"role": "assistant", "content": "No."}} for row in rows
            ]
            pairs = [
                pair | {"id": row["id"], "messages": row["messages"][:1]}
                for pair, row in zip(wanted, rows, strict=True)
            ]
            return dpo.train(build(spec=DpoRun(**fields, samples="play")), pairs[:8])
        if method == "distillation":
            teacher = distillation.Teacher(create_tiny("qwen2"), None)
            spec = DistillationRun(**fields, teacher="other")
            return distillation.train(build(spec=spec), rows, teacher)
        spec = GrpoRun(**fields, rewards=Rewards(weights={"correctness": 1.0}))
        return grpo.train(build(spec=spec), rows)

    return begin


@pytest.fixture
def run_out(monkeypatch):
    """Return a function that makes micro-batches of more than so many rows too large for a step."""
    plain = Trainer.training_step

    def run_out(rows, step=3):
        tried = []

        def fail(self, *given):
            loss = plain(self, *given)  # gradients are there by then
            size = self.args.per_device_train_batch_size
            if self.state.global_step == step and size > rows:
                tried.append(size)
                raise torch.OutOfMemoryError(FULL)
            return loss

        monkeypatch.setattr(Trainer, "training_step", fail)
        return tried

    return run_out


def list_curves(history):
    """Return the curves that a smaller micro-batch must leave as they are."""
    names = {"step", "loss", "reward", "kl", "grad_norm", "eval_loss", "learning_rate", "tokens"}
    return [{name: value for name, value in row.items() if name in names} for row in history]


@pytest.mark.parametrize("method", SETTINGS)
def test_a_training_that_ran_out_of_memory_learns_what_it_would_have_learnt(begin, run_out, capsys, method):
    _, whole, costs = begin(method, "whole")
    tried = run_out(2)
    trainer, history, cut = begin(method)
    size, accumulated = (
        SETTINGS[method]["per_device_train_batch_size"],
        SETTINGS[method].get("gradient_accumulation_steps", 1),
    )
    assert tried == [rows for rows in (8, 4) if rows <= size]
    assert trainer.args.per_device_train_batch_size == cut["micro_batch"] == 2
    assert trainer.args.gradient_accumulation_steps == accumulated * size // 2
    assert [row["step"] for row in history] == [1, 2, 3, 4, 5]
    for row, expected in zip(list_curves(history), list_curves(whole), strict=True):
        assert row == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert cut["resumed_at"] == [2]
    assert "micro_batch" not in costs
    said = capsys.readouterr().out
    assert (
        f"out of memory at step 4; begins again from the last checkpoint with micro-batches of {size // 2} rows" in said
    )
    if method in ("grpo", "rloo"):
        assert [
            row["completion"] for row in trainer.recorded
        ] and trainer.args.generation_batch_size == size * accumulated


def test_completions_are_those_of_a_training_that_never_failed(begin, run_out):
    whole = begin("grpo", "whole")[0].recorded
    run_out(2)
    assert [row["completion"] for row in begin("grpo")[0].recorded] == [row["completion"] for row in whole]


def test_a_job_that_was_killed_begins_with_what_fitted(begin, run_out, tmp_path):
    """Also one that saved nothing before it was killed, and one whose size has no half."""
    (tmp_path / "checkpoints").mkdir()
    records.write_json(tmp_path / "checkpoints" / memory_fit.NOTE, {"per_device_train_batch_size": 1})
    (tmp_path / "checkpoints" / "tensorboard").mkdir()
    tried = run_out(1)
    trainer, _, costs = begin("sft", per_device_train_batch_size=3, max_steps=1)
    assert (trainer.args.per_device_train_batch_size, trainer.args.gradient_accumulation_steps) == (1, 3)
    assert (tried, costs["micro_batch"]) == ([], 1)
    assert not (tmp_path / "checkpoints" / "tensorboard").exists()


def test_what_failed_is_released_before_the_next_attempt(begin, run_out, monkeypatch):
    attempts, build = [], checkpoints.Resumption.__init__

    def watch(self, trainer, *others):
        attempts.append((sum(earlier() is not None for _, earlier in attempts), weakref.ref(trainer)))
        build(self, trainer, *others)

    monkeypatch.setattr(checkpoints.Resumption, "__init__", watch)
    run_out(2, step=0)
    begin("sft", max_steps=1)
    assert [alive for alive, _ in attempts] == [0, 0]


def test_a_single_row_that_does_not_fit_is_a_sentence(begin, run_out):
    tried = run_out(0, step=0)
    with pytest.raises(
        UserError, match=r"^Out of memory with micro-batches of a single row\. Lower training\.max_length"
    ):
        begin("sft", max_steps=1)
    assert tried == [4, 2, 1]


def test_another_error_is_no_lack_of_memory(begin, monkeypatch):
    def fail(self, *given):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Trainer, "training_step", fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        begin("sft", max_steps=1)


def test_what_has_batches_of_its_own_names_its_key(begin, monkeypatch):
    def fail(self, *given, **named):
        raise torch.OutOfMemoryError(FULL)

    monkeypatch.setattr(Trainer, "evaluation_loop", fail)
    with pytest.raises(UserError, match=r"while evaluating\. Lower the run's training\.per_device_eval_batch_size\."):
        begin("sft", max_steps=1, eval_strategy="steps", eval_steps=1)
    monkeypatch.setattr(GRPOTrainer, "_generate", fail)
    with pytest.raises(UserError, match=r"while drawing completions\. Lower training\.max_completion_length"):
        begin("grpo", max_steps=1)


def test_a_training_whose_loss_looks_across_rows_is_not_divided(begin, run_out, tmp_path):
    run_out(2, step=0)
    with pytest.raises(
        UserError, match=r"loss_type: aot sorts .* Lower training.per_device_train_batch_size and raise"
    ):
        begin("dpo", loss_type="aot")
    assert not (tmp_path / "checkpoints" / memory_fit.NOTE).exists()


def test_vllm_keeps_its_memory_so_the_next_job_goes_on(tmp_path):
    trainer = describe_trainer(GRPOConfig, {"num_generations": 4}, tmp_path)
    trainer.use_vllm = True
    said = r"start again, and the training goes on with micro-batches of 4 rows"
    with pytest.raises(UserError, match=said), memory_fit.noting_shortage(trainer):
        raise torch.OutOfMemoryError(FULL)
    assert memory_fit.describe(tmp_path) == {"micro_batch": 4}


TRAINERS = {
    SFTConfig: sft.ResumableSFTTrainer,
    DPOConfig: dpo.ResumableDPOTrainer,
    KTOConfig: kto.ResumableKTOTrainer,
    GRPOConfig: grpo.RecordingGRPOTrainer,
}


def describe_trainer(config, settings, folder, rows=16, steps=100, **others):
    args = config(output_dir=str(folder), use_cpu=True, **settings)
    state = SimpleNamespace(max_steps=steps, global_step=0)
    facts = {"aux_loss_enabled": False, "model_accepts_loss_kwargs": True} | others
    trainer = object.__new__(TRAINERS[config])
    vars(trainer).update(args=args, train_dataset=range(rows), state=state, **facts)
    return trainer


TIED = {
    "divergence of KTO": (KTOConfig, {}, {}, "KTO needs"),
    "pairs sorted": (DPOConfig, {"loss_type": ["sigmoid", "aot_unpaired"]}, {}, "loss_type: aot_unpaired sorts"),
    "tokens of the chosen": (DPOConfig, {"loss_type": ["sigmoid", "sft"]}, {}, "loss_type: sft is a mean"),
    "mean of tokens": (GRPOConfig, {"loss_type": "bnpo"}, {}, "loss_type: bnpo is a mean"),
    "entropy": (GRPOConfig, {"entropy_coef": 0.1}, {}, "entropy_coef"),
    "adaptive entropy": (GRPOConfig, {"use_adaptive_entropy": True}, {}, "entropy_coef"),
    "quantile": (GRPOConfig, {"top_entropy_quantile": 0.2}, {}, "top_entropy_quantile"),
    "noise": (SFTConfig, {"neftune_noise_alpha": 5}, {}, "neftune_noise_alpha"),
    "experts": (SFTConfig, {}, {"aux_loss_enabled": True}, "experts"),
    "loss of the model": (SFTConfig, {}, {"model_accepts_loss_kwargs": False}, "this model's loss"),
    "dropped rows": (SFTConfig, {"dataloader_drop_last": True}, {"rows": 19}, "last 3 of 19 rows"),
    "last pairs": (DPOConfig, {}, {"rows": 19}, "last 3 of 19 pairs"),
}
FREE = {
    "supervised": (SFTConfig, {}, {"rows": 19}),
    "whole batches of pairs": (DPOConfig, {"loss_type": ["sigmoid", "ipo"]}, {}),
    "last pairs that no step takes": (DPOConfig, {}, {"rows": 19, "steps": 2}),
    **{loss: (GRPOConfig, {"loss_type": loss}, {"rows": 19}) for loss in ("grpo", "dapo", "dr_grpo", "cispo", "sapo")},
}


@pytest.mark.parametrize("case", TIED)
def test_what_ties_a_result_to_its_micro_batches_is_said(case, tmp_path):
    config, settings, others, said = TIED[case]
    assert said in memory_fit.explain_tied(describe_trainer(config, settings, tmp_path, **others))


@pytest.mark.parametrize("case", FREE)
def test_other_losses_are_those_of_their_rows(case, tmp_path):
    config, settings, others = FREE[case]
    assert memory_fit.explain_tied(describe_trainer(config, settings, tmp_path, **others)) is None


def test_settings_are_divided_as_the_note_says(tmp_path):
    given = {"per_device_train_batch_size": 6, "steps_per_generation": 2}
    assert memory_fit.shrink(GRPOConfig, given, tmp_path) is given
    records.write_json(tmp_path / memory_fit.NOTE, {"per_device_train_batch_size": 2})
    assert memory_fit.shrink(GRPOConfig, given, tmp_path) == {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 3,
        "steps_per_generation": 6,
    }
    assert memory_fit.shrink(SFTConfig, {"gradient_accumulation_steps": 3}, tmp_path) == {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 12,
    }
