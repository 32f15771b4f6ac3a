"""A further trainer of TRL's takes one file in `training/` and one record: ORPO, which the project has not got."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import tunelab.training
from tests.study_copy import PROJECT
from tunelab import records
from tunelab.config import methods
from tunelab.config.specs.training import CheckpointSettings, DpoRun, TrainingPlan
from tunelab.jobs.provenance import hash_sources
from tunelab.models.modelcard import render_model_card
from tunelab.training import distillation, dpo, grpo, kto, sft

SHORT = {"max_steps": 2, "per_device_train_batch_size": 4, "learning_rate": 1e-2, "report_to": "none"}
CARD = {"model": "tiny", "source": {"source": "random"}, "revision": None, "licence": None}
RECORD = methods.Method(
    config="ORPOConfig",
    trainer="ORPOTrainer",
    learns_from="pairs",
    kind="Preference optimisation",
    title="odds ratio preference optimization (ORPO)",
    term="ORPO",
    about="Odds ratio preference optimization: the chosen answer is learnt, and made likelier than the rejected one.",
    signals=(*methods.PREFERRED, "nll_loss"),
)

TRAINERS = grpo.TRAINERS | {
    "sft": sft.ResumableSFTTrainer,
    "dpo": dpo.ResumableDPOTrainer,
    "kto": kto.ResumableKTOTrainer,
    "distillation": distillation.ResumableDistillationTrainer,
}


@pytest.fixture
def train(monkeypatch, tmp_path, llama, rows):
    """Return a function that trains as the rule of preferences does, and returns the folder of what it wrote."""
    monkeypatch.setitem(methods.METHODS, "orpo", RECORD)
    own = str(Path(__file__).with_name("new_method"))
    monkeypatch.setattr(tunelab.training, "__path__", [*tunelab.training.__path__, own])
    from train_preferences import main

    pairs = [
        {
            "id": row["id"],
            "messages": row["messages"][:1],
            "chosen": row["messages"][1],
            "rejected": {"role": "assistant", "content": "No" + " idea" * (number % 3)},
        }
        for number, row in enumerate(rows[:8])
    ]
    records.write_jsonl(tmp_path / "train.jsonl", pairs)
    records.write_json(llama.with_name("card.json"), CARD)
    fields = {"label": "Trial", "model": "tiny", "dataset": "sums", "adapter": {"peft_type": "LORA", "r": 4}}
    # what the class of a run's section would take by the method's name
    spec = DpoRun(method="dpo", **fields, training=SHORT).model_copy(update={"method": "orpo"})

    def train(name: str) -> Path:
        folder = tmp_path / name
        main(
            card=llama.with_name("card.json"),
            precision=llama.with_name("precision.json"),
            template=llama.with_name("chat_template.jinja"),
            train=tmp_path / "train.jsonl",
            start=[],
            settings=[],
            consumed=[],
            weights=folder / "adapter/adapter_model.safetensors",
            **{output: folder / output for output in ("history", "summary", "tensorboard", "points")},
            checkpoints=tmp_path / "checkpoints",
            seed="3",
            spec=spec,
            plan=TrainingPlan(CheckpointSettings(save_steps=1)),
        )
        return folder

    train.spec = spec
    return train


def test_a_new_trainer_trains_goes_on_and_publishes_like_any_other(train, tmp_path, llama, load_plain):
    folder = train("whole")
    history, costs = records.read_jsonl(folder / "history"), records.read_json(folder / "summary")
    assert [row["step"] for row in history] == [1, 2]
    assert all(row["nll_loss"] > 0 and "rewards/margins" in row for row in history)
    # the first loss holds both parts, as the weights are the base's own
    assert history[0]["loss"] == pytest.approx(history[0]["nll_loss"] - 0.1 * history[0]["log_odds_ratio"], abs=1e-4)
    assert history[0]["tokens"] < costs["tokens"] == history[1]["tokens"]
    assert costs["scoring"] == "TRL's own head, as ORPO computes its loss from all logits"
    assert load_plain(llama, folder / "adapter").peft_config["default"].r == 4
    said = render_model_card(train.spec, CARD, costs, 3, adapter=True)
    assert "Preference optimisation (TRL `ORPOTrainer`) of `tiny`" in said
    shutil.rmtree(tmp_path / "checkpoints/checkpoint-2", ignore_errors=True)
    again = train("again")
    assert records.read_json(again / "summary")["resumed_at"] == [1]
    weights = [load_file(found / "adapter/adapter_model.safetensors") for found in (folder, again)]
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())
    assert records.read_jsonl(again / "history")[1]["tokens"] == costs["tokens"]


def test_every_method_is_trained_by_the_classes_that_its_record_names():
    assert TRAINERS.keys() == methods.METHODS.keys()
    for name, trainer in TRAINERS.items():
        record = methods.METHODS[name]
        assert record.config == trainer.config_class.__name__ and record.trainer in [
            cls.__name__ for cls in trainer.__mro__
        ]
        assert trainer.deals_rows != record.draws


@pytest.mark.parametrize("script", ["train_sft", "train_preferences", "train_grpo", "train_distillation"])
def test_a_further_record_leaves_finished_trainings_as_they_are(script):
    code = dict(hash_sources(PROJECT / f"scripts/{script}.py", ("tunelab/training/dpo.py",)))
    assert "tunelab/training/training_job.py" in code and "tunelab/config/methods.py" not in code
