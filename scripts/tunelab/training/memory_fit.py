"""Out of a GPU's memory: smaller micro-batches, and more of them accumulated, so that a step learns from the same rows.

What fitted is noted beside the checkpoints. Whoever begins the training again, in this process or in another, builds
its arguments by `shrink` and goes on from the last checkpoint. Where the loss depends on which rows share a
micro-batch, nothing is made smaller: `explain_tied` says why (losses are those of TRL 1.16's `compute_loss`).
"""

import contextlib
import functools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from transformers import Trainer

from tunelab import records
from tunelab.errors import UserError
from tunelab.jobs.job import report_progress
from tunelab.jobs.processes import BeginAgain, is_launched

NOTE = "micro_batch.json"  # in the folder of the checkpoints
SIZE, ACCUMULATED = "per_device_train_batch_size", "gradient_accumulation_steps"
ACROSS = {  # losses that take a micro-batch as a whole
    **dict.fromkeys(("aot", "aot_unpaired"), "sorts the rows of a micro-batch"),
    **dict.fromkeys(("sft", "bnpo"), "is a mean over the tokens of a micro-batch"),
}


class OutOfMemory(UserError):
    """A training does not fit into the GPU's memory, and smaller micro-batches are no help."""


class TooLarge(BeginAgain):
    """Micro-batches do not fit; smaller ones are noted, with which the training can begin again."""


def shrink(config_class: type, training: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a run's settings with the micro-batches that are noted in `folder`, and as many rows a step as before."""
    size = _read_size(folder)
    if size is None:
        return training
    defaults = {field.name: field.default for field in fields(config_class)}
    parts = training.get(SIZE, defaults[SIZE]) // size
    counted = [ACCUMULATED, *(["steps_per_generation"] if training.get("steps_per_generation") else [])]
    return training | {SIZE: size} | {name: training.get(name, defaults[name]) * parts for name in counted}


def describe(folder: Path) -> dict[str, int]:
    """Return `micro_batch`, the rows of a micro-batch, if they are fewer than the config says."""
    size = _read_size(folder)
    return {} if size is None else {"micro_batch": size}


def empty(folder: Path) -> None:
    """Remove what an attempt left that saved nothing; what is noted of its micro-batches stays."""
    for path in folder.iterdir():
        if path.name != NOTE:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def within_memory(train: Callable) -> Callable:
    """Have a method's `train` begin again, from its last checkpoint, as long as micro-batches can be made smaller."""

    @functools.wraps(train)
    def attempt(*given: Any, **named: Any) -> Any:
        while True:
            try:
                return train(*given, **named)
            except TooLarge:
                if is_launched():  # the others wait for this process
                    raise
            # the traceback, which held the failed attempt's tensors, is gone by now
            clear_device_cache(garbage_collection=True)

    return attempt


@contextlib.contextmanager
def noting_shortage(trainer: Trainer) -> Iterator[None]:
    """Note smaller micro-batches, and raise `TooLarge`, if the training within runs out of memory.

    Raises:
        OutOfMemory: if they cannot be smaller, the result would be another, or this process must end first.
    """
    try:
        yield
    except RuntimeError as error:
        if not should_reduce_batch_size(error):
            raise
        _note_smaller(trainer, error)
        raise TooLarge from error


@contextlib.contextmanager
def explained(what: str, remedy: str) -> Iterator[None]:
    """Raise `OutOfMemory` with a remedy if what is done within, which has batches of its own, runs out of memory."""
    try:
        yield
    except RuntimeError as error:
        if not should_reduce_batch_size(error):
            raise
        raise OutOfMemory(f"Out of memory {what}. {remedy} {_quote(error)}") from error


def explain_tied(trainer: Trainer) -> str | None:
    """Say why a result depends on the size of micro-batches; None if it does not, but for rounding."""
    args = trainer.args
    losses = getattr(args, "loss_type", None) or ()
    if trainer.tied:
        return trainer.tied
    if across := [loss for loss in ([losses] if isinstance(losses, str) else losses) if loss in ACROSS]:
        return f"training.loss_type: {across[0]} {ACROSS[across[0]]}"
    if args.neftune_noise_alpha:
        return "training.neftune_noise_alpha scales its noise by the width of a micro-batch"
    if getattr(args, "entropy_coef", 0) or getattr(args, "use_adaptive_entropy", False):
        return "the bonus for entropy (training.entropy_coef) is a mean over the tokens of a micro-batch"
    if getattr(args, "top_entropy_quantile", 1) < 1:
        return "training.top_entropy_quantile chooses among the tokens of a micro-batch"
    if getattr(trainer, "aux_loss_enabled", False):
        return "the balance of the model's experts (router_aux_loss_coef) is measured in every micro-batch"
    return _explain_uneven(trainer)


def _explain_uneven(trainer: Trainer) -> str | None:
    """Say so if the last micro-batch of an epoch is taken, is shorter, and counts for as much, or would be dropped."""
    if not trainer.deals_rows:
        return None
    args, rows = trainer.args, len(trainer.train_dataset)
    size, left = args.per_device_train_batch_size, rows % args.per_device_train_batch_size
    taken = trainer.state.max_steps * size * args.gradient_accumulation_steps
    if not left or taken <= rows - left:
        return None
    if args.dataloader_drop_last:
        return f"training.dataloader_drop_last leaves out the last {left} of {rows} rows, and would leave out others"
    if trainer.weighs_batches:
        return f"the last {left} of {rows} pairs make a micro-batch of their own, which counts for as much as {size}"
    return None


def _note_smaller(trainer: Trainer, error: Exception) -> None:
    args, size = trainer.args, trainer.args.per_device_train_batch_size
    if size == 1:
        raise OutOfMemory(
            f"Out of memory with micro-batches of a single row. Lower training.max_length or max_completion_length, "
            f"train an adapter or on a quantised base, or use a larger GPU. {_quote(error)}"
        ) from error
    if tied := explain_tied(trainer):
        raise OutOfMemory(
            f"Out of memory with micro-batches of {size} rows, and smaller ones would change the result: {tied}. Lower "
            f"training.{SIZE} and raise {ACCUMULATED} by the same factor yourself, for every run that this one is "
            f"compared with. {_quote(error)}"
        ) from error
    parts = next(part for part in range(2, size + 1) if size % part == 0)
    smaller, accumulated = size // parts, args.gradient_accumulation_steps * parts
    records.write_json(Path(args.output_dir, NOTE), {SIZE: smaller})
    if getattr(trainer, "use_vllm", False):
        raise OutOfMemory(
            f"Out of memory with micro-batches of {size} rows. vLLM keeps its memory until this job ends; start again, "
            f"and the training goes on with micro-batches of {smaller} rows, which gives the same result, or lower "
            f"training.vllm_gpu_memory_utilization. {_quote(error)}"
        ) from error
    report_progress(
        f"out of memory at step {trainer.state.global_step + 1}; begins again from the last checkpoint with "
        f"micro-batches of {smaller} rows instead of {size}, {accumulated} to a step, which gives the same result"
    )


def _read_size(folder: Path) -> int | None:
    note = Path(folder, NOTE)
    return records.read_json(note)[SIZE] if note.exists() else None


def _quote(error: Exception) -> str:
    return f"The library said: {' '.join(str(error).split())[:200]}"
