"""What every training hands on, whatever its method: weights, events, history and costs."""

from pathlib import Path
from typing import Any

import pandas

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
    completions: Path | None = None,
) -> None:
    """Publish the weights and write what the training left; where several processes train, the first one does it.

    trained: the trainer, its history and its costs; origin: the fetched base model's card; completions: file for what
    the trainer recorded of them (Parquet).
    """
    trainer, steps, costs = trained
    if not trainer.is_world_process_zero():
        return
    if completions is not None:
        with records.whole_file(completions, "wb") as file:
            pandas.DataFrame(trainer.recorded).to_parquet(file, index=False)
    published = publishing.publish_weights(trainer.model, trainer.processing_class, weights.parent, origin)
    events.publish_events(checkpoints, tensorboard)
    records.write_jsonl(history, steps)
    records.write_json(summary, costs | published)
