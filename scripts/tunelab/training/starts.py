"""What a training starts from: the fetched model, or what another run published."""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from tunelab.config.specs.training import TrainedRun
from tunelab.models import adapters
from tunelab.models.inspection import check_adapter


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
