"""What trainings of all methods share: TRL's arguments, progress, the best step, costs."""

import math
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, set_seed

from tunelab.errors import UserError
from tunelab.jobs.job import report_progress
from tunelab.jobs.stopping import noting_stop
from tunelab.models import adapters
from tunelab.models.adapters import use_lora_products
from tunelab.models.device import describe_device, measure_peak_memory
from tunelab.training import checkpoints, learning_checks, memory_fit
from tunelab.training.budget import Budget
from tunelab.training.checkpoints import gather_each, share_steps
from tunelab.training.consumption import Consumption
from tunelab.training.outcome import EVENTS
from tunelab.training.packed_head import add_packed_head, explain_unpacked
from tunelab.training.training_job import TrainingJob

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "bitsandbytes")


def build_arguments(config_class: type, job: TrainingJob, training: dict[str, Any]) -> Any:
    """Build an object of TRL's config class: the user's settings over the defaults of the workflow.

    Args:
        training: the run's section `training`, without what is no field of that class.
    """
    folder, on_cpu = job.checkpoints, job.device.type == "cpu"
    defaults = {
        "bf16": job.dtype == torch.bfloat16,
        "fp16": job.dtype == torch.float16,
        "report_to": ["tensorboard"],
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": job.saving.save_steps,
        "save_total_limit": job.saving.save_total_limit,
        "logging_nan_inf_filter": False,  # the default logs a loss that is NaN as 0
        "disable_tqdm": True,  # our own lines carry step, loss and time left
        "dataloader_pin_memory": job.device.type == "cuda",
    }
    if on_cpu and training.get("fp16"):
        raise UserError("training.fp16: float16 on a CPU is hundreds of times slower than float32; leave it out.")
    if on_cpu and training.get("activation_offloading"):
        raise UserError("training.activation_offloading: on a CPU they are in main memory already; leave it out.")
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / EVENTS)  # transformers asks nowhere else
    set_seed(job.seed)
    places = {"output_dir": str(folder), "seed": job.seed, "use_cpu": on_cpu}
    try:
        fitting = share_steps(memory_fit.shrink(config_class, training, folder))
        return config_class(**(defaults | fitting | places))
    except (ValueError, TypeError, ImportError) as error:  # what only this machine can tell, such as tf32 without a GPU
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"training: {config_class.__name__} refuses this on this machine ({reason}).") from error


class ProgressLog(TrainerCallback):
    """Print each logged step and keep it for the learning curves, with the seconds of the training steps alone."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.train_seconds, self.tokens = 0.0, 0
        self.consumption: Consumption | None = None  # set when the training begins
        self._step_started = 0.0

    def on_train_begin(self, args, state, control, **kwargs):
        self._started, self._first = time.monotonic(), state.global_step

    def on_step_begin(self, args, state, control, **kwargs):
        self._step_started = time.monotonic()

    def on_step_end(self, args, state, control, **kwargs):
        self.train_seconds += time.monotonic() - self._step_started

    def on_log(self, args, state, control, logs=None, model=None, **kwargs):
        numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
        self.tokens = int(numbers.pop("num_tokens", self.tokens))
        if not state.global_step or "train_runtime" in numbers:
            return
        if any(value != value for name, value in numbers.items() if "loss" in name):
            why = learning_checks.explain_broken(model, state, args)
            raise UserError(f"The loss became NaN at step {state.global_step}; {why}.")
        row = {"step": state.global_step, "epoch": numbers.pop("epoch", None), "tokens": self.tokens}
        row |= self.consumption.read() if self.consumption else {}
        # JSON has no infinity; in float16 a gradient may overflow, and the step is skipped
        finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
        self.rows.append(row | {"seconds": round(self.train_seconds, 2)} | finite)
        pace = (time.monotonic() - self._started) / (state.global_step - self._first)
        left = pace * (state.max_steps - state.global_step)
        shown = [f"{name} {numbers[name]:.4g}" for name in ("loss", "eval_loss", "reward", "kl") if name in numbers]
        report_progress(f"step {state.global_step} of {state.max_steps}, {', '.join(shown)}, {left:.0f} s left")


class BestAdapter(TrainerCallback):
    """Keep the trainable weights of the evaluation with the lowest validation loss.

    The trainer's own best-checkpoint mechanism reloads adapters from disk, which fails for a projected prefix (only
    its flattened product is saved) and keeps the last weights when the best step was not a saved one.
    """

    def __init__(self) -> None:
        self.loss: float | None = None
        self.step: int | None = None
        self.weights: dict[str, torch.Tensor] | None = None

    def on_evaluate(self, args, state, control, metrics, model=None, **kwargs):
        if self.loss is None or metrics["eval_loss"] < self.loss:
            self.loss, self.step = metrics["eval_loss"], state.global_step
            self.weights = adapters.copy_trainable(model)


def train_and_measure(
    trainer: Trainer, log: ProgressLog, best: BestAdapter | None = None, budget: Budget | None = None
) -> dict[str, Any]:
    """Train, restore the best step's weights if `best` is given, and return what the training cost.

    A killed training goes on from its last checkpoint: seconds are those of the steps that count, and the peak of
    memory is the highest of all attempts. Where several processes train, tokens are those of all, and memory and
    threads are those of one.

    Raises:
        UserError: if no weight changed, a weight is NaN or infinite, or memory is too small.
        TooLarge: if smaller micro-batches may fit, see `memory_fit`.
    """
    model, device = trainer.model, trainer.args.device
    # NEFTune scales its noise by the length of a batch, which packing changes
    noisy = "training.neftune_noise_alpha is set" if trainer.args.neftune_noise_alpha else None
    unpacked = noisy or trainer.unpacked or explain_unpacked(trainer)
    if unpacked is None:
        add_packed_head(trainer, getattr(trainer, "temperature", 1.0), getattr(trainer, "logs_mean_logits", False))
    use_lora_products(model)
    learning_checks.check_start(model)
    before = adapters.copy_trainable(model)
    trainer.consumption = log.consumption = Consumption(trainer, log, budget)
    trainer.add_callback(trainer.consumption)
    with noting_stop() as stop, memory_fit.noting_shortage(trainer), learning_checks.explaining_no_gradient(model):
        resumption = checkpoints.Resumption(trainer, log, best, stop)
        trainer.add_callback(resumption)
        trainer.train(resume_from_checkpoint=resumption.checkpoint and str(resumption.checkpoint))
    steps, best_step = trainer.state.global_step, trainer.state.global_step
    if best is not None:
        if best.weights is None:
            raise UserError("training.load_best_model_at_end: no evaluation took place; lower eval_steps.")
        adapters.restore_trainable(model, best.weights)
        best_step = best.step
    elif trainer.args.load_best_model_at_end:
        best_step = trainer.state.best_global_step
    learning_checks.check_numbers(trainer, "Training ended with weights that are no numbers")
    learning_checks.check_learnt(model, before, trainer.state.log_history)
    return {
        "steps": steps,
        "epochs": trainer.state.epoch,
        "best_step": best_step,
        "resumed_at": resumption.resumed_at,
        "train_seconds": log.train_seconds,
        "tokens": log.tokens,
        "tokens_per_second": log.tokens / log.train_seconds,
        **trainer.consumption.describe(),
        **trainer.consumption.describe_budget(),
        "peak_memory_bytes": max(*gather_each(measure_peak_memory(device)), resumption.peak_memory_bytes),
        "trainable_parameters": sum(weight.numel() for weight in before.values()),
        "total_parameters": _count_weights(model),
        "device": describe_device(device),
        "dtype": "bfloat16" if trainer.args.bf16 else "float16" if trainer.args.fp16 else "float32",
        "processes": trainer.args.world_size,
        "threads": torch.get_num_threads(),
        "scoring": f"TRL's own head, as {unpacked}" if unpacked else "packed rows",
        "versions": {name: version(name) for name in PACKAGES},
        **memory_fit.describe(Path(trainer.args.output_dir)),
    }


def _count_weights(model: torch.nn.Module) -> int:
    """Count the weights: those in 4 bits by the shape before quantisation, and without GRPO's frozen reference."""
    return sum(
        weight.quant_state.shape.numel() if getattr(weight, "quant_state", None) else weight.numel()
        for name, weight in model.named_parameters()
        if ".ref." not in name
    )
