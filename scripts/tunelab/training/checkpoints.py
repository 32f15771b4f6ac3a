"""Checkpoints from which a killed training goes on as if it had never stopped.

transformers saves the optimizer, the schedule, the random states and its own counters. What it leaves out is added:
every trained weight as it is (PEFT saves a projected prefix only as its product), the best weights so far, the
history, the sums of steps not logged yet, TRL's counters, the completions that GRPO sampled, and what the order of the
rows was drawn from. A checkpoint is whole if it holds `STATE`, which is written last, and all files that this lists.
Where several processes train, each saves its random states, and the first one all that they have in common.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, sort_checkpoints

from tunelab import records
from tunelab.jobs.job import report_progress
from tunelab.jobs.stopping import TERMINATED, StopNote
from tunelab.models import adapters
from tunelab.models.device import measure_peak_memory
from tunelab.training import causes, memory_fit
from tunelab.training.orders import copy_order, find_sampler, restore_order
from tunelab.training.sharing import first_alone, gather_each

STATE = "state.json"
TRAINED, BEST = "trained.safetensors", "best.safetensors"
ORDER, REFERENCE = "order_{}.safetensors", "reference.safetensors"  # an order for each process
# what each of them remembers of the steps before; a trainer has some of its names
REMEMBERED = {
    "trainer": ("_total_train_tokens", "_globalstep_last_logged", "recorded"),
    "log": ("rows", "train_seconds", "tokens"),
    "best": ("loss", "step"),
}


def find_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint, and remove all else; what `memory_fit` noted stays."""
    with first_alone():
        for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
            if not _is_whole(path):
                shutil.rmtree(path)
        found = sort_checkpoints(str(folder))
        if not found and folder.exists():
            memory_fit.empty(folder)
    return Path(found[-1]) if found else None


def _is_whole(checkpoint: Path) -> bool:
    state = checkpoint / STATE
    return state.exists() and records.read_json(state)["files"] == _list_sizes(checkpoint)


def _list_sizes(checkpoint: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in checkpoint.iterdir() if not file.name.startswith(STATE)}


class ResumableTrainer:
    """Mixin for transformers' Trainer whose checkpoints hold the trained weights and no others."""

    unpacked: str | None = None  # why rows are scored by the trainer itself, if they are

    def between_batches(self) -> bool:
        """Tell whether nothing is held back that a checkpoint would lose."""
        return True

    def tell_lost(self) -> str:
        """Say, with a leading `; `, what cannot be taken up again when the training goes on; nothing, usually."""
        return ""

    def create_model_card(self, *given: Any, **named: Any) -> None:
        """Write none: a checkpoint is not published, and TRL's card takes longer than the rest of a small one."""

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        causes.check_numbers(self, f"Weights became no numbers by step {self.state.global_step}")
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        _save_tensors(dict(adapters.list_trainable(self.model)), Path(output_dir, TRAINED))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        adapters.restore_trainable(self.model, load_file(Path(resume_from_checkpoint, TRAINED)))

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(self.state.best_model_checkpoint)

    def evaluate(self, *given: Any, **named: Any) -> dict[str, float]:
        # smaller batches would weigh rows otherwise in the loss that the best step is chosen by
        with memory_fit.explained("while evaluating", "Lower the run's training.per_device_eval_batch_size."):
            return super().evaluate(*given, **named)

    def _run_epoch(self, **arguments: Any) -> None:
        # a run that was killed after its last step has none left, but transformers would take one more
        if self.state.global_step < self.state.max_steps:
            super()._run_epoch(**arguments)


class Resumption(TrainerCallback):
    """Complete each checkpoint of `trainer`, and go on from the newest one when training begins.

    log, best: callbacks whose `REMEMBERED` attributes are kept; `best` has `weights` besides, or is None.
    stop: tells when the training is to save the step that it is at, and to end.
    """

    def __init__(
        self, trainer: ResumableTrainer, log: TrainerCallback, best: TrainerCallback | None, stop: StopNote
    ) -> None:
        self.checkpoint = find_checkpoint(Path(trainer.args.output_dir))
        self.resumed_at: list[int] = []
        self.peak_memory_bytes = 0
        self._trainer, self._best, self._stop = trainer, best, stop
        self._parts = {"trainer": trainer, "log": log, "best": best}
        self._order: dict[str, torch.Tensor] = {}  # at the start of the present epoch
        self._order_to_restore: dict[str, torch.Tensor] = {}
        self._due = False
        # transformers would remove old checkpoints before the new one is whole
        self._limit, trainer.args.save_total_limit = trainer.args.save_total_limit, None

    def on_train_begin(self, args, state, control, **kwargs):
        if self.checkpoint is None:
            return
        kept = records.read_json(self.checkpoint / STATE)
        for name, values in kept["parts"].items():
            vars(self._parts[name]).update(values)
        self._trainer._tr_loss += kept["losses"][args.process_index]
        for name, values in kept["metrics"].items():
            self._trainer._metrics["train"][name] = [float(value) for value in values]
        if self._best is not None and self._best.step is not None:
            self._best.weights = load_file(self.checkpoint / BEST)
        if getattr(args, "sync_ref_model", False):
            self._trainer.ref_model.load_state_dict(load_file(self.checkpoint / REFERENCE), strict=False)
        self._order_to_restore = load_file(self.checkpoint / ORDER.format(args.process_index))
        self.resumed_at = [*kept["resumed_at"], state.global_step]
        self.peak_memory_bytes = kept["peak_memory_bytes"]
        state.compute_steps(args, state.max_steps)  # how often to save may have been changed meanwhile
        args.eval_on_start = False  # it was done at the start
        report_progress(f"goes on from the checkpoint of step {state.global_step}{self._trainer.tell_lost()}")

    def on_epoch_begin(self, args, state, control, train_dataloader=None, **kwargs):
        sampler = find_sampler(train_dataloader)
        if self._order_to_restore:
            restore_order(sampler, self._order_to_restore)
            self._order_to_restore = {}
        self._order = copy_order(sampler)

    def on_step_end(self, args, state, control, **kwargs):
        # at the end of an epoch or of the training, its evaluation is still to come
        ends = control.should_training_stop or state.epoch == int(state.epoch)
        short = state.max_steps <= state.save_steps  # it has a checkpoint at its half, and as any other at its end
        halved = short and state.global_step == state.max_steps // 2
        self._due |= control.should_save or halved or self._stop.asked
        control.should_save = self._due and not ends and self._trainer.between_batches()

    def on_epoch_end(self, args, state, control, **kwargs):
        control.should_save |= self._due and self._trainer.between_batches()

    def on_save(self, args, state, control, train_dataloader=None, **kwargs):
        self._due = False
        folder = Path(args.output_dir, f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}")
        between_epochs = state.epoch == int(state.epoch)
        order = copy_order(find_sampler(train_dataloader)) if between_epochs else self._order
        save_file(order, folder / ORDER.format(args.process_index))
        # each process has written its own files when it has told its loss
        losses = gather_each(self._trainer._tr_loss.item())
        self.peak_memory_bytes = max(self.peak_memory_bytes, *gather_each(measure_peak_memory(args.device)))
        if state.is_world_process_zero:
            self._complete(folder, args, losses)
            self._remove_old(args, state)
        if self._stop.asked:
            report_progress(f"stopped at step {state.global_step}, which is kept")
            raise SystemExit(TERMINATED)

    def _complete(self, folder: Path, args: Any, losses: list[float]) -> None:
        trainer = self._trainer
        if self._best is not None and self._best.weights is not None:
            _save_tensors(self._best.weights, folder / BEST)
        if getattr(args, "sync_ref_model", False):
            _save_tensors(dict(trainer.ref_model.named_parameters()), folder / REFERENCE)
        parts = {
            name: {key: vars(part)[key] for key in REMEMBERED[name] if key in vars(part)}
            for name, part in self._parts.items()
            if part is not None
        }
        kept = {
            "parts": parts,
            "losses": losses,
            # a metric may be infinite or no number, which JSON has no word for
            "metrics": {name: [repr(float(value)) for value in row] for name, row in trainer._metrics["train"].items()},
            "resumed_at": self.resumed_at,
            "peak_memory_bytes": self.peak_memory_bytes,
            "files": _list_sizes(folder),
        }
        records.write_json(folder / STATE, kept)

    def _remove_old(self, args: Any, state: Any) -> None:
        old = sort_checkpoints(args.output_dir)[: -self._limit] if (self._limit or 0) > 0 else []
        for path in old:
            if Path(path) != Path(state.best_model_checkpoint or ""):
                shutil.rmtree(path)


def _save_tensors(tensors: dict[str, torch.Tensor], file: Path) -> None:
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, file)
