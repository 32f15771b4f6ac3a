"""AdaLoRA's own part of a training: ranks are given away after each step, and its factors are kept orthogonal.

PEFT leaves both to the trainer. What the budget knows of the steps before is kept in each checkpoint.
"""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from tunelab.training.checkpoints import find_checkpoint

BUDGET = "budget.safetensors"
AVERAGES = ("ipt", "exp_avg_ipt", "exp_avg_unc")  # importance of each singular value
RANKS = "rank_pattern"


def has_budget(model: torch.nn.Module) -> bool:
    """Tell whether a model's adapter gives ranks away while it is trained."""
    return isinstance(model, PeftModel) and model.peft_config["default"].peft_type.value == "ADALORA"


def measure_overlap(model: PeftModel) -> torch.Tensor:
    """Return the term that AdaLoRA adds to the loss: how far its factors are from orthogonal, weighted.

    As in PEFT's `AdaLoraModel.forward`, whose loss TRL does not use.
    """
    factors = [(name, weight) for name, weight in model.named_parameters() if "lora_A" in name or "lora_B" in name]
    products = [weight @ weight.T if "lora_A" in name else weight.T @ weight for name, weight in factors]
    distances = [torch.linalg.norm(product - torch.eye(*product.shape).to(product)) for product in products]
    return model.peft_config["default"].orth_reg_weight * torch.stack(distances).mean()


class RankBudget(TrainerCallback):
    """Give ranks away after each step, and go on from a checkpoint of `folder` with what was known there."""

    def __init__(self, folder: Path) -> None:
        self._checkpoint = find_checkpoint(folder)

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        if self._checkpoint is not None:
            _restore_budget(model, load_file(self._checkpoint / BUDGET))

    def on_optimizer_step(self, args, state, control, model=None, **kwargs):
        # gradients are still there; steps are counted afterwards
        model.base_model.update_and_allocate(state.global_step + 1)

    def on_save(self, args, state, control, model=None, **kwargs):
        if state.is_world_process_zero:  # all processes give the same ranks away
            save_file(
                _copy_budget(model), Path(args.output_dir, f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}", BUDGET)
            )


def _copy_budget(model: Any) -> dict[str, torch.Tensor]:
    allocator, ranks = model.base_model.rankallocator, model.peft_config["default"].rank_pattern or {}
    averages = {f"{kind}:{name}": value for kind in AVERAGES for name, value in getattr(allocator, kind).items()}
    return averages | {f"{RANKS}:{name}": torch.tensor(kept) for name, kept in ranks.items()}


def _restore_budget(model: Any, kept: dict[str, torch.Tensor]) -> None:
    allocator, config, device = model.base_model.rankallocator, model.peft_config["default"], model.device
    for key, value in kept.items():
        kind, name = key.split(":", 1)
        if kind == RANKS:
            config.rank_pattern = (config.rank_pattern or {}) | {name: value.tolist()}
        else:
            getattr(allocator, kind)[name] = value.to(device)
