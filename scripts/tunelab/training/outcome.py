"""What every training hands on, whatever its method: weights, events, history and costs."""

import shutil
from pathlib import Path
from typing import Any

import pandas
import torch
from peft import PeftModel

from tunelab import records
from tunelab.config.specs.training import TrainedRun
from tunelab.models import adapters, publishing
from tunelab.models.inspection import check_adapter

# A training's TensorBoard event files: where they are written, and how they are handed on.


EVENTS = "tensorboard"  # folder beside the checkpoints


def publish_events(folder: Path, tensorboard: Path) -> None:
    """Copy the event files of all attempts from a training's checkpoint folder to where they are promised."""
    tensorboard.mkdir(parents=True, exist_ok=True)
    if (folder / EVENTS).exists():
        shutil.copytree(folder / EVENTS, tensorboard, dirs_exist_ok=True)


# What a training starts from: the fetched model, or what another run published.


def load_start(base: Path, start: Path | None, device: torch.device, dtype: torch.dtype, spec: TrainedRun) -> Any:
    """Load the model to train: the base, or what `init_from` published, its adapter trainable.

    The published adapter itself goes on, and no second one is put on top. dtype: of weights that are not trained;
    where all are trained they are held in float32, as a step of 5e-6 moves almost none that is held in bfloat16.

    Raises:
        UserError: if the model does not take the adapter, which may have been changed since the model was inspected.
    """
    if spec.adapter is not None:
        check_adapter(base, spec.adapter)
    trains_adapter = spec.adapter is not None or (start is not None and start.name == "adapter")
    held = dtype if trains_adapter else torch.float32
    if start is None or start.name == "adapter":
        model = adapters.load_base_model(base, device, held, spec.quantization)
        return PeftModel.from_pretrained(model, start, is_trainable=True) if start else model
    return adapters.load_base_model(start, device, held)


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
    publish_events(checkpoints, tensorboard)
    records.write_jsonl(history, steps)
    records.write_json(summary, costs | published)
