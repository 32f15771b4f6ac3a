"""What supervised and reinforcement training share: arguments, progress, the best step, costs, published weights."""

import math
import os
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, set_seed

from tunelab import adapters, records
from tunelab.device import choose_device, choose_dtype, describe_device, measure_peak_memory
from tunelab.errors import UserError
from tunelab.job import report_progress
from tunelab.modelcard import find_revision, name_origin

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "bitsandbytes")


def choose_precision(quantised_or_adapter: bool) -> tuple[torch.device, torch.dtype]:
    """Return the device and the dtype in which to hold the weights that are not trained.

    Full fine-tuning keeps float32 master weights: a step of 5e-6 moves almost no weight held in bfloat16.
    """
    device = choose_device()
    return device, choose_dtype(device) if quantised_or_adapter else torch.float32


def build_arguments(
    config_class: type, training: dict[str, Any], checkpoints: Path, seed: int, device: torch.device
) -> Any:
    """Build TRL's config object: the user's settings over the few defaults that the workflow needs."""
    fast = choose_dtype(device)
    defaults = {
        "bf16": fast == torch.bfloat16,
        "fp16": fast == torch.float16,
        "report_to": ["tensorboard"],
        "logging_steps": 1,
        "save_strategy": "no",
        "logging_nan_inf_filter": False,  # the default logs a loss that is NaN as 0
        "disable_tqdm": True,  # our own lines carry step, loss and time left
        "dataloader_pin_memory": device.type == "cuda",
    }
    if device.type == "cpu" and training.get("fp16"):
        raise UserError("training.fp16: float16 on a CPU is hundreds of times slower than float32; leave it out.")
    shutil.rmtree(checkpoints, ignore_errors=True)
    set_seed(seed)
    return config_class(**(defaults | training), output_dir=str(checkpoints), seed=seed, use_cpu=device.type == "cpu")


def set_tensorboard_folder(folder: Path) -> None:
    """Say where event files go; transformers takes this from the environment only."""
    shutil.rmtree(folder, ignore_errors=True)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder)


class ProgressLog(TrainerCallback):
    """Print each logged step and keep it, with the seconds spent on training steps alone, for the learning curves."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.train_seconds, self.tokens = 0.0, 0
        self._step_started = 0.0

    def on_train_begin(self, args, state, control, **kwargs):
        self._started = time.monotonic()

    def on_step_begin(self, args, state, control, **kwargs):
        self._step_started = time.monotonic()

    def on_step_end(self, args, state, control, **kwargs):
        self.train_seconds += time.monotonic() - self._step_started

    def on_log(self, args, state, control, logs=None, **kwargs):
        numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
        self.tokens = int(numbers.pop("num_tokens", self.tokens))
        if not state.global_step or "train_runtime" in numbers:
            return
        if any(value != value for name, value in numbers.items() if "loss" in name):
            raise UserError(f"The loss became NaN at step {state.global_step}; lower training.learning_rate.")
        row = {"step": state.global_step, "epoch": numbers.pop("epoch", None), "tokens": self.tokens}
        # JSON has no infinity: in float16 a gradient may overflow, which skips the step and does no harm
        finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
        self.rows.append(row | {"seconds": round(self.train_seconds, 2)} | finite)
        left = (time.monotonic() - self._started) / state.global_step * (state.max_steps - state.global_step)
        shown = [f"{name} {numbers[name]:.4g}" for name in ("loss", "eval_loss", "reward", "kl") if name in numbers]
        report_progress(f"step {state.global_step} of {state.max_steps}, {', '.join(shown)}, {left:.0f} s left")


class BestAdapter(TrainerCallback):
    """Keep the trainable weights of the evaluation with the lowest validation loss.

    The trainer's own best-checkpoint mechanism reloads adapters from disk, which fails for a projected prefix (only
    its flattened product is saved) and keeps the last weights when the best step was not a saved one.
    """

    def __init__(self) -> None:
        self.loss, self.step, self.weights = float("inf"), None, None

    def on_evaluate(self, args, state, control, metrics, model=None, **kwargs):
        if metrics["eval_loss"] < self.loss:
            self.loss, self.step = metrics["eval_loss"], state.global_step
            self.weights = adapters.copy_trainable(model)


def train_and_measure(trainer: Trainer, log: ProgressLog, best: BestAdapter | None = None) -> dict[str, Any]:
    """Train, put back the best step's weights when `best` watched, and return what the training cost.

    Raises:
        UserError: if no weight moved, or a weight is no finite number.
    """
    model, device = trainer.model, trainer.args.device
    before = adapters.copy_trainable(model)
    trainer.train()
    steps, best_step = trainer.state.global_step, trainer.state.global_step
    if best is not None:
        if best.weights is None:
            raise UserError("training.load_best_model_at_end: no evaluation took place; lower eval_steps.")
        adapters.restore_trainable(model, best.weights)
        best_step = best.step
    elif trainer.args.load_best_model_at_end:
        best_step = trainer.state.best_global_step
    _check_weights(model, before)
    return {
        "steps": steps,
        "epochs": trainer.state.epoch,
        "best_step": best_step,
        "train_seconds": log.train_seconds,
        "tokens": log.tokens,
        "tokens_per_second": log.tokens / log.train_seconds,
        "peak_memory_bytes": measure_peak_memory(device),
        "trainable_parameters": sum(weight.numel() for weight in before.values()),
        "total_parameters": _count_weights(model),
        "device": describe_device(device),
        "dtype": "bfloat16" if trainer.args.bf16 else "float16" if trainer.args.fp16 else "float32",
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def _count_weights(model: torch.nn.Module) -> int:
    """Count the weights; one held in 4 bits is half a byte of storage, and GRPO's frozen reference is none."""
    return sum(
        weight.quant_state.shape.numel() if getattr(weight, "quant_state", None) else weight.numel()
        for name, weight in model.named_parameters()
        if ".ref." not in name
    )


def _check_weights(model: torch.nn.Module, before: dict[str, torch.Tensor]) -> None:
    after = adapters.copy_trainable(model)
    broken = [name for name, weight in after.items() if not torch.isfinite(weight).all()]
    if broken:
        raise UserError(f"Training ended with weights that are no numbers ({broken[0]}); lower training.learning_rate.")
    if all(torch.equal(weight, before[name]) for name, weight in after.items()):
        raise UserError("Training changed no weight at all; raise training.learning_rate or the number of steps.")


def publish_weights(model: Any, tokenizer: Any, folder: Path, card: dict, readme: str) -> dict[str, int]:
    """Write an adapter or whole model as a folder that PEFT or transformers loads on any machine.

    card: the fetched base model's card, whose origin replaces this machine's path in the adapter's config.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    if folder.name == "adapter":
        config = model.peft_config["default"]
        config.base_model_name_or_path, config.revision = name_origin(card), find_revision(card)
        model.save_pretrained(part, selected_adapters=["default"])
    else:
        model.config.use_cache = True  # the trainer turns it off for gradient checkpointing
        model.save_pretrained(part, max_shard_size="1TB")
        tokenizer.save_pretrained(part)
    records.write_text(part / "README.md", readme)
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(part.iterdir(), key=lambda file: file.suffix == ".safetensors"):
        file.replace(folder / file.name)
    part.rmdir()
    weights = [file for file in folder.iterdir() if file.suffix == ".safetensors"]
    return {
        "saved_parameters": sum(_count_parameters(file) for file in weights),
        "artefact_bytes": sum(file.stat().st_size for file in folder.iterdir()),
    }


def _count_parameters(file: Path) -> int:
    from safetensors import safe_open

    with safe_open(file, "pt") as tensors:
        return sum(torch.Size(tensors.get_slice(name).get_shape()).numel() for name in tensors.keys())  # noqa: SIM118
