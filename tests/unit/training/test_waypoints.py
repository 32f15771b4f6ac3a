"""Weights along the way of a training: at even shares of its steps, published like a run's own."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from tunelab import records
from tunelab.training import waypoints
from tunelab.training.waypoints import Waypoints


class Trainer:
    """As much of a trainer as waypoints ask for."""

    def __init__(self):
        self.model = torch.nn.Linear(2, 1)
        self.state = SimpleNamespace(global_step=0, max_steps=10)

    def is_world_process_zero(self):
        return True

    def step(self, callback):
        self.state.global_step += 1
        with torch.no_grad():
            self.model.weight.fill_(self.state.global_step)
        callback.on_step_end(None, self.state, None)


@pytest.fixture
def spent():
    return SimpleNamespace(
        describe=lambda: {"flops": {"training": 7, "drawing": 1}, "passed_tokens": {"training": 5}},
        find_progress=lambda state: state.global_step / state.max_steps,
    )


def follow(folder, trainer, spent, points=4, steps=10):
    callback = Waypoints(points, folder, trainer, spent, SimpleNamespace(train_seconds=1.5))
    callback.on_train_begin(None, trainer.state, None)
    for _ in range(steps):
        trainer.step(callback)
    return callback


def read_steps(folder):
    return [int(load_file(file)["weight"][0, 0]) for file in sorted((folder / "points").glob("*.safetensors"))]


def test_points_lie_at_even_shares_of_the_steps(tmp_path, spent):
    callback = follow(tmp_path, Trainer(), spent)
    callback.close()
    assert [row["step"] for row in callback.kept] == [3, 5, 8]
    assert read_steps(tmp_path) == [3, 5, 8]
    assert callback.kept[0] == {"point": 1, "step": 3, "flops": 8, "tokens": 5, "completions": 0, "seconds": 1.5}


def test_a_training_that_goes_on_keeps_what_was_before_its_step(tmp_path, spent):
    follow(tmp_path, Trainer(), spent, steps=6)
    again = Trainer()
    again.state.global_step = 4  # its last checkpoint
    callback = follow(tmp_path, again, spent, steps=6)
    assert [row["step"] for row in callback.kept] == [3, 5, 8]
    assert records.read_json(tmp_path / "points/points.json") == callback.kept


def test_a_training_that_ends_early_has_its_end_for_the_points_beyond(tmp_path, spent):
    callback = follow(tmp_path, Trainer(), spent, steps=4)
    callback.close()
    assert read_steps(tmp_path) == [3, 4, 4]


def test_without_points_nothing_is_kept(tmp_path, spent):
    callback = follow(tmp_path, Trainer(), spent, points=0)
    callback.close()
    assert callback.kept == []
    assert not (tmp_path / "points").exists()


def test_points_are_published_and_the_end_is_put_back(tmp_path, spent, monkeypatch):
    trainer, told = Trainer(), {}
    trainer.processing_class = None
    follow(tmp_path, trainer, spent)

    def publish(model, tokenizer, folder: Path, card):
        told[folder.relative_to(tmp_path).as_posix()] = float(model.weight.detach()[0, 0])

    monkeypatch.setattr(waypoints.publishing, "publish_weights", publish)
    waypoints.publish_waypoints(trainer, tmp_path, tmp_path / "out", "adapter", {})
    assert told == {"out/1/adapter": 3.0, "out/2/adapter": 5.0, "out/3/adapter": 8.0}
    assert float(trainer.model.weight.detach()[0, 0]) == 10.0
