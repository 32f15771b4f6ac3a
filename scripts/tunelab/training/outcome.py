"""What every training hands on, whatever its method: weights, events, history and costs."""

from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.models import publishing
from tunelab.training import events


def write_outcome(
    trained: tuple[Any, list[dict], dict[str, Any]],
    origin: dict[str, Any],
    checkpoints: Path,
    weights: Path,
    history: Path,
    summary: Path,
    tensorboard: Path,
) -> None:
    """Publish the weights and write what the training left.

    trained: the trainer, its history and its costs; origin: the fetched base model's card.
    """
    trainer, steps, costs = trained
    published = publishing.publish_weights(trainer.model, trainer.processing_class, weights.parent, origin)
    events.publish_events(checkpoints, tensorboard)
    records.write_jsonl(history, steps)
    records.write_json(summary, costs | published)
