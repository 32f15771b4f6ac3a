"""A run's model as it lies on disk, which all that ask or measure it are given as one record."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tunelab.models import adapters, chat
from tunelab.models.precision import load_precision


@dataclass(frozen=True, kw_only=True)
class RunModel:
    """What is needed to load a run's model.

    Attributes:
        base_model: folder of the fetched model.
        artefact: folder of what the run published; None for the untouched model.
        template: file of the study's chat template for the model; None: the tokenizer's own.
    """

    base_model: Path
    artefact: Path | None
    dtype: torch.dtype
    template: Path | None = None

    def load(self, device: torch.device) -> Any:
        return adapters.load_trained_model(self.base_model, self.artefact, device, self.dtype)

    def load_tokenizer(self, padding_side: str = "right") -> Any:
        return chat.load_tokenizer(self.base_model, padding_side, self.template)


def read_run_model(card: Path, weights: list[Path], precision: Path, template: Path) -> RunModel:
    """Describe a run's model by what a script is given.

    Args:
        card: the fetched base model's; the model lies beside it.
        weights: what the run published; none for the untouched model.
        precision: the study's decision.
    """
    artefact = weights[0].parent if weights else None
    return RunModel(
        base_model=card.parent / "model", artefact=artefact, dtype=load_precision(precision), template=template
    )
