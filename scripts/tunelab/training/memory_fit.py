"""Go on in smaller micro-batches when a GPU's memory is full, and accumulate more, so that a step has the same rows.

The size is noted beside the checkpoints. An attempt that follows, in this process or another, builds its arguments by
`shrink` and goes on from the last checkpoint. If the loss depends on which rows share a micro-batch, it stays as large
and the training ends: `explain_tied` says why (by the losses of TRL 1.16's `compute_loss`).
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
ACROSS = {  # losses that depend on all rows of a micro-batch
    **dict.fromkeys(("aot", "aot_unpaired"), "sorts the rows of a micro-batch"),
    **dict.fromkeys(("sft", "bnpo"), "is a mean over the tokens of a micro-batch"),
}


class OutOfMemory(UserError):
    """A training does not fit into the GPU's memory, and smaller micro-batches do not help."""


class TooLarge(BeginAgain):
    """Micro-batches do not fit; a smaller size is noted, with which the training can begin again."""


def shrink(config_class: type, training: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a run's settings with the size of micro-batches noted in `folder`, and the same rows in a step."""
    size = _read_size(folder)
    if size is None:
        return training
    defaults = {field.name: field.default for field in fields(config_class)}
    parts = training.get(SIZE, defaults[SIZE]) // size
    counted = [ACCUMULATED, *(["steps_per_generation"] if training.get("steps_per_generation") else [])]
    return training | {SIZE: size} | {name: training.get(name, defaults[name]) * parts for name in counted}


def describe(folder: Path) -> dict[str, int]:
    """Return `micro_batch`, the rows of a micro-batch, if they are fewer than in the config."""
    size = _read_size(folder)
    return {} if size is None else {"micro_batch": size}


def empty(folder: Path) -> None:
    """Remove what an attempt without a complete checkpoint left, but keep the note of its micro-batches."""
    for path in folder.iterdir():
        if path.name != NOTE:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def within_memory(train: Callable) -> Callable:
    """Repeat a method's `train`, which goes on from its last checkpoint, until its micro-batches fit."""

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
    """Raise `OutOfMemory` with a remedy if the block, which does not use micro-batches, runs out of memory."""
    try:
        yield
    except RuntimeError as error:
        if not should_reduce_batch_size(error):
            raise
        raise OutOfMemory(f"Out of memory {what}. {remedy} {_quote(error)}") from error


def explain_tied(trainer: Trainer) -> str | None:
    """Say why the result depends on the size of micro-batches; None if it does so only by rounding."""
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
    """Say why a shorter last micro-batch of an epoch ties the result to their size; None if it does not."""
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
