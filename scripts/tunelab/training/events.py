"""A training's TensorBoard event files: where they are written, and how they are handed on."""

import shutil
from pathlib import Path

EVENTS = "tensorboard"  # folder beside the checkpoints


def publish_events(folder: Path, tensorboard: Path) -> None:
    """Copy the event files of all attempts from a training's checkpoint folder to where they are promised."""
    tensorboard.mkdir(parents=True, exist_ok=True)
    if (folder / EVENTS).exists():
        shutil.copytree(folder / EVENTS, tensorboard, dirs_exist_ok=True)
