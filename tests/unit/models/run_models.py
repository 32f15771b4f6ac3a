"""Runs' models as tests load them: in float32."""

from pathlib import Path

import torch

from tunelab.models.run_model import RunModel


def build_run_model(base_model: Path, artefact: Path | None = None, template: Path | None = None) -> RunModel:
    return RunModel(base_model=base_model, artefact=artefact, dtype=torch.float32, template=template)
