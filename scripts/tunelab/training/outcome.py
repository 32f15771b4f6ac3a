"""Publish what a training leaves, whatever its method: weights, event files, history, completions and costs."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas

from tunelab import records
from tunelab.models import publishing
from tunelab.training.waypoints import publish_waypoints

EVENTS = "tensorboard"  # folder beside the checkpoints, in which a training writes its event files


@dataclass(frozen=True)
class Outputs:
    """Where a training's results go.

    Attributes:
        weights: in the folder that is published.
        history: a row for each logged step.
        summary: what the training cost.
        tensorboard: folder of the event files.
        points: folder of the weights along the way; empty if the run is not followed.
        completions: all that the trainer recorded (Parquet), if it draws completions that are kept.
    """

    weights: Path
    history: Path
    summary: Path
    tensorboard: Path
    points: Path
    completions: Path | None = None


def write_outcome(
    trained: tuple[Any, list[dict], dict[str, Any]], card: Path, checkpoints: Path, outputs: Outputs
) -> None:
    """Publish the weights and write the other outputs; where several processes train, the first one does it.

    Args:
        trained: the trainer, its history and its costs.
        card: the fetched base model's card.
    """
    trainer, history, costs = trained
    if not trainer.is_world_process_zero():
        return
    if outputs.completions is not None:
        with records.whole_file(outputs.completions, "wb") as file:
            pandas.DataFrame(trainer.recorded).to_parquet(file, index=False)
    origin, folder = records.read_json(card), outputs.weights.parent
    published = publishing.publish_weights(trainer.model, trainer.processing_class, folder, origin)
    publish_waypoints(trainer, checkpoints, outputs.points, folder.name, origin)
    publish_events(checkpoints, outputs.tensorboard)
    records.write_jsonl(outputs.history, history)
    records.write_json(outputs.summary, costs | published)


def publish_events(folder: Path, tensorboard: Path) -> None:
    """Copy the event files of all attempts from a training's checkpoint folder to where they are promised."""
    tensorboard.mkdir(parents=True, exist_ok=True)
    if (folder / EVENTS).exists():
        shutil.copytree(folder / EVENTS, tensorboard, dirs_exist_ok=True)
