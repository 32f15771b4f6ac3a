"""Keep a training's weights at points along its way, at even shares of its steps, or of its budget.

They are kept beside the checkpoints, so that a killed training has those before the step from which it goes on; they
are published at the end, each as a run publishes its own.
"""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from transformers import Trainer, TrainerCallback

from tunelab import records
from tunelab.config.budget import read_amounts
from tunelab.models import adapters, publishing
from tunelab.training.consumption import Consumption

FOLDER, LIST = "points", "points.json"


class Waypoints(TrainerCallback):
    """Keep the trained weights at the points of a training before its end.

    Args:
        points: how many there are, the end included; 0: none.
        folder: of the checkpoints.
        clock: has the seconds of the training's steps in `train_seconds`.
    """

    def __init__(
        self, points: int, folder: Path, trainer: Trainer, consumption: Consumption, clock: TrainerCallback
    ) -> None:
        self.kept: list[dict[str, Any]] = []
        self._points, self._folder = points, folder / FOLDER
        self._trainer, self._consumption, self._clock = trainer, consumption, clock

    def on_train_begin(self, args, state, control, **kwargs):
        known = self._folder / LIST
        if known.exists():
            self.kept = [point for point in records.read_json(known) if point["step"] <= state.global_step]

    def on_step_end(self, args, state, control, **kwargs):
        progress = self._consumption.find_progress(state)
        while (point := len(self.kept) + 1) < self._points and progress >= point / self._points:
            self._keep(point)

    def close(self) -> None:
        """Keep as its end the points before which the training ended."""
        for point in range(len(self.kept) + 1, self._points):
            self._keep(point)

    def _keep(self, point: int) -> None:
        spent = read_amounts(self._consumption.describe() | {"train_seconds": self._clock.train_seconds})
        self.kept.append({"point": point, "step": self._trainer.state.global_step, **spent})
        if self._trainer.is_world_process_zero():
            self._folder.mkdir(parents=True, exist_ok=True)
            weights = {
                name: weight.contiguous() for name, weight in adapters.copy_trainable(self._trainer.model).items()
            }
            save_file(weights, self._folder / f"{point}.safetensors")
            records.write_json(self._folder / LIST, self.kept)


def publish_waypoints(trainer: Trainer, checkpoints: Path, target: Path, name: str, card: dict[str, Any]) -> None:
    """Publish the kept points of a training below `target`, each in a folder `<point>/<name>`."""
    target.mkdir(parents=True, exist_ok=True)
    found = sorted((checkpoints / FOLDER).glob("*.safetensors"))
    end = adapters.copy_trainable(trainer.model) if found else {}
    for file in found:
        adapters.restore_trainable(trainer.model, load_file(file))
        publishing.publish_weights(trainer.model, trainer.processing_class, target / file.stem / name, card)
    if found:
        adapters.restore_trainable(trainer.model, end)
