"""What one training is given besides its rows, as one record that every method takes."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel

from tunelab import records
from tunelab.config.chosen_settings import merge_settings
from tunelab.config.specs.training import CheckpointSettings, TrainedRun, TrainingPlan
from tunelab.models import adapters, chat
from tunelab.models.device import choose_device
from tunelab.models.inspection import check_adapter
from tunelab.models.precision import load_precision
from tunelab.training.budget import Budget, read_budget


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """One training.

    Attributes:
        base_model: folder of the fetched model.
        init_from: folder of what the run's `init_from` published, if it names one.
        checkpoints: folder of this very work; a training goes on from the newest complete checkpoint in it.
        dtype: of matrix products and of weights that are not trained.
        template: file of the study's chat template for the model; None: the tokenizer's own.
        trial: whether it is a trial of settings, of which a failure to learn is a result.
        points: how many points of its way are published, its end included; 0: none.
        budget: at which the training ends, if the study has one.
    """

    base_model: Path
    init_from: Path | None = None
    checkpoints: Path
    saving: CheckpointSettings
    seed: int
    spec: TrainedRun
    dtype: torch.dtype
    template: Path | None = None
    trial: bool = False
    points: int = 0
    budget: Budget | None = None

    @functools.cached_property
    def device(self) -> torch.device:
        return choose_device()

    def load_model(self) -> Any:
        """Load the model to train: the base, or what `init_from` published, its adapter trainable.

        The published adapter itself goes on, and no second one is put on top. Where all weights are trained they are
        held in float32, as a step of 5e-6 moves almost none that is held in bfloat16.

        Raises:
            UserError: if the model does not take the adapter, which may have been changed since the model was
                inspected.
        """
        adapter, start = self.spec.adapter, self.init_from
        if adapter is not None:
            check_adapter(self.base_model, adapter)
        goes_on = adapters.is_adapter(start)
        held = self.dtype if adapter is not None or goes_on else torch.float32
        if start is not None and not goes_on:
            return adapters.load_base_model(start, self.device, held)
        model = adapters.load_base_model(self.base_model, self.device, held, self.spec.quantization)
        return PeftModel.from_pretrained(model, start, is_trainable=True) if start else model

    def load_tokenizer(self, padding_side: str = "right") -> Any:
        return chat.load_tokenizer(self.base_model, padding_side, self.template)

    def build_adapter_config(self) -> PeftConfig | None:
        """Build the config of the adapter that the trainer is to put on the model, if the run has a new one."""
        return adapters.build_adapter_config(self.spec.adapter, self.base_model) if self.spec.adapter else None


def read_job(
    card: Path,
    start: list[Path],
    precision: Path,
    template: Path,
    *,
    settings: list[Path],
    consumed: list[Path],
    seed: str,
    spec: TrainedRun,
    plan: TrainingPlan,
    checkpoints: Path,
) -> TrainingJob:
    """Build a job from what a training's script is given.

    Args:
        card: the fetched base model's; the model lies beside it.
        start: the weights that the `init_from` run published, if any.
        precision: the study's decision, before which the run's own goes.
        settings: what was chosen among the trials of the run, if it is tuned; it goes before what `spec` says.
        consumed: what tells, where there is a budget, what all that the run begins from consumed.
    """
    return TrainingJob(
        base_model=card.parent / "model",
        init_from=start[0].parent if start else None,
        checkpoints=checkpoints,
        saving=plan.saving,
        seed=int(seed),
        spec=merge_settings(spec, records.read_json(settings[0])) if settings else spec,
        dtype=load_precision(precision, spec.precision),
        template=template,
        trial=plan.trial,
        points=plan.points,
        budget=read_budget(plan.budget, consumed),
    )
