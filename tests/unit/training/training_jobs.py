"""Jobs as tests train them: in float32, from seed 0, saved as a study does unless told otherwise."""

from pathlib import Path
from typing import Any

import torch

from tunelab.config.specs.training import CheckpointSettings, TrainedRun
from tunelab.training.training_job import TrainingJob


def build_job(base_model: Path, checkpoints: Path, spec: TrainedRun, **others: Any) -> TrainingJob:
    usual = {"saving": CheckpointSettings(), "seed": 0, "dtype": torch.float32}
    return TrainingJob(base_model=base_model, checkpoints=checkpoints, spec=spec, **usual | others)
