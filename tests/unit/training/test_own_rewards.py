"""Reinforcement learning with rewards of the user's own: where one does not apply, and where one fails."""

import math
from pathlib import Path

import pandas
import pytest

from tests.unit.training.training_jobs import build_job
from tunelab import records
from tunelab.config.specs.training import CheckpointSettings, GrpoRun, Rewards
from tunelab.errors import UserError
from tunelab.training import grpo

LORA = {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"}
SHORT = {"max_steps": 2, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "num_generations": 4}
SHORT |= {"max_completion_length": 8, "learning_rate": 1e-2, "report_to": "none"}
HEAD = "calls = []\n\n\ndef mine(prompts, completions, **columns):\n    calls.append(len(prompts))\n"
LENGTHS = HEAD + "    lengths = [float(len(messages[0]['content'])) for messages in completions]\n"
# the rows' answers are even numbers
SOME = LENGTHS + "    return [n if int(a) % 4 else None for n, a in zip(lengths, columns['answer'])]\n"


@pytest.fixture(scope="module")
def train(tmp_path_factory, create_tiny, rows):
    """Return a function that trains with a file of this text and returns the trainer, its history and its folder."""
    base = create_tiny("qwen2")

    def train(text, method="grpo", weights=None, **settings):
        folder = tmp_path_factory.mktemp("rewards")
        (folder / "mine.py").write_text(text, encoding="utf-8")
        rewards = Rewards(functions={"mine": str(folder / "mine.py")}, weights=weights or {"mine": 0.5})
        fields = {"label": "Trial", "model": "tiny", "dataset": "sums", "adapter": LORA, "rewards": rewards}
        spec = GrpoRun(method=method, **fields, training=SHORT | settings)
        job = build_job(base, folder / "checkpoints", spec, saving=CheckpointSettings(save_steps=1))
        trainer, history, _ = grpo.train(job, rows)
        return trainer, history, folder

    return train


@pytest.mark.parametrize("method", ["grpo", "rloo"])
def test_where_a_reward_does_not_apply_nothing_is_recorded_or_averaged(train, method):
    trainer, history, folder = train(SOME, method, {"mine": 0.5, "integer": 1.0}, max_steps=4)
    applying = [row["mine"] for row in trainer.recorded if row["mine"] is not None]
    assert 0 < len(applying) < len(trainer.recorded) == 32
    for row in trainer.recorded:
        assert row["mine"] == (len(row["completion"].lstrip()) if int(row["answer"]) % 4 else None)
        assert row["reward"] == 0.5 * (row["mine"] or 0) + row["integer"]
    for row in history:
        parts = [made["mine"] for made in trainer.recorded if made["step"] == row["step"] and made["mine"] is not None]
        assert row.get("rewards/mine/mean") == (pytest.approx(sum(parts) / len(parts)) if parts else None)
        assert all(math.isfinite(value) for value in row.values())
    records.write_json(folder / "recorded.json", trainer.recorded)  # as a checkpoint does, which knows no NaN
    pandas.DataFrame(trainer.recorded).to_parquet(folder / "completions.parquet")


def test_where_no_reward_applies_there_is_none_and_nothing_to_learn(train):
    trainer, _, _ = train(SOME, max_steps=4)
    nothing = [row for row in trainer.recorded if row["mine"] is None]
    assert nothing and all(row["reward"] is None and row["advantage"] == 0 for row in nothing)
    with pytest.raises(UserError, match=r"All 16 completions were rewarded like the others .* \(highest reward 0\)"):
        train(HEAD + "    return [None] * len(prompts)\n")


def test_checkpoints_between_two_logs_hold_no_mean_of_nothing(train, monkeypatch):
    written = []
    write = records.write_json
    monkeypatch.setattr(
        records, "write_json", lambda path, value: written.append(Path(path).name) or write(path, value)
    )
    rare = LENGTHS + "    return [n if a == '0' else None for n, a in zip(lengths, columns['answer'])]\n"
    train(rare, weights={"mine": 1.0, "random": 1.0}, max_steps=4, logging_steps=4)
    assert written.count("state.json") == 4


def test_a_mistake_is_told_although_nothing_was_learnt_so_far(train):
    late = HEAD + "    assert len(calls) < 10, 'too late'\n    return [1.0] * len(prompts)\n"
    with pytest.raises(UserError, match=r"mine\.py': mine, row 'row\d+': AssertionError: too late \(line 6\)"):
        train(late)
