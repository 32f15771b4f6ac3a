"""Make a model with random weights."""

from pathlib import Path

from tunelab.config.specs.sources import RandomModel
from tunelab.sources.tiny import create_model


def fetch(spec: RandomModel, key: str, work: Path, folder: Path) -> dict:
    """Create the model in `folder`."""
    create_model(spec, key, folder)
    return {}
