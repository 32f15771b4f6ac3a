"""Save checkpoints from which a killed training goes on as if it had never stopped.

transformers saves the optimizer, the schedule, the random states and its own counters. Here the rest is added: every
trained weight as it is (PEFT saves a projected prefix only as its product), the best weights so far, the history, sums
of steps not logged yet, TRL's counters, the completions that GRPO sampled, and the random state from which the order of
the rows was drawn. A checkpoint is complete if it holds `STATE`, which is written last, and all files listed in it.
Where several processes train, each saves its random states, and the first one all that they have in common.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.data_loader import get_sampler
from accelerate.utils import gather_object
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, sort_checkpoints

from tunelab import records
from tunelab.config.specs.training import SHARED
from tunelab.jobs.job import report_progress
from tunelab.jobs.processes import count_processes
from tunelab.jobs.stopping import TERMINATED, StopNote
from tunelab.models import adapters
from tunelab.models.device import measure_peak_memory
from tunelab.training import learning_checks, memory_fit

# --- the order of an epoch's rows


def find_sampler(loader: Any) -> Any:
    """Return the sampler that draws the rows' order; where several processes train, accelerate wraps it once more."""
    dealt = getattr(loader.batch_sampler, "batch_sampler", None)
    return getattr(dealt, "sampler", None) or get_sampler(loader)


def copy_order(sampler: Any) -> dict[str, torch.Tensor]:
    """Return the random states that a sampler draws from at the start of an epoch: torch's, and its own if any."""
    own = getattr(sampler, "generator", None)
    return {"torch": torch.get_rng_state()} | ({"sampler": own.get_state()} if own else {})


def restore_order(sampler: Any, order: dict[str, torch.Tensor]) -> None:
    """Restore what `copy_order` returned."""
    torch.set_rng_state(order["torch"])
    if "sampler" in order and sampler.generator is not None:
        sampler.generator.set_state(order["sampler"])


# --- several processes of one training


def share_steps(training: dict[str, Any]) -> dict[str, Any]:
    """Return a run's settings for each of its processes: a step of all takes the rows that the settings say.

    accelerate deals a sampler's batches to the processes in turn. So the batches of a step are those of one process, if
    each accumulates its part of them.
    """
    world_size = count_processes()
    if world_size == 1:
        return training
    shares = {name: training[name] // world_size for name in SHARED if training.get(name)}
    # otherwise transformers has DDP look for weights that a step does not use, which fails with recomputation
    return training | shares | {"ddp_find_unused_parameters": False}


def gather_each(value: Any) -> list[Any]:
    """Return every process's value, in the order of the processes."""
    return gather_object([value])


def main_process_first() -> Any:
    """Return a context that the first process runs before the others."""
    return PartialState().main_process_first()


STATE = "state.json"
TRAINED, BEST = "trained.safetensors", "best.safetensors"
ORDER, REFERENCE = "order_{}.safetensors", "reference.safetensors"  # an order for each process
# attributes that carry over from the steps before; a trainer has some of them
REMEMBERED = {
    "trainer": ("_total_train_tokens", "_globalstep_last_logged", "recorded"),
    "log": ("rows", "train_seconds", "tokens"),
    "best": ("loss", "step"),
    "consumption": ("flops", "passed", "completions"),
}


def find_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint, and remove all else but the note of `memory_fit`."""
    with main_process_first():
        for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
            if not _is_complete(path):
                shutil.rmtree(path)
        found = sort_checkpoints(str(folder))
        if not found and folder.exists():
            memory_fit.empty(folder)
    return Path(found[-1]) if found else None


def _is_complete(checkpoint: Path) -> bool:
    state = checkpoint / STATE
    return state.exists() and records.read_json(state)["files"] == _list_sizes(checkpoint)


def _list_sizes(checkpoint: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in checkpoint.iterdir() if not file.name.startswith(STATE)}


class ResumableTrainer:
    """Mixin for TRL's trainers: a method's trainer sets the attributes, and can go on from a checkpoint."""

    config_class: type  # TRL's, of the arguments
    unpacked: str | None = None  # why TRL's own head scores the rows, if it does so whatever the settings
    tied: str | None = None  # why smaller micro-batches would change the result, if they would whatever the settings
    deals_rows = True  # micro-batches are dealt from the rows in turn; False: a trainer draws what they hold
    consumption: Any  # counts what the training consumes, see `consumption`
    weighs_batches = False  # a micro-batch counts for as much as any other, however few rows it has

    @property
    def collected_metrics(self) -> dict[str, list[float]]:
        """What TRL has collected since it last logged; each checkpoint keeps it."""
        return self._metrics["train"]

    def between_batches(self) -> bool:
        """Tell whether a checkpoint may be saved now; GRPO holds completions between steps that one would lose."""
        return True

    def check_learnable(self) -> None:
        """Raise `Unlearnt` if there was nothing to learn, after the training; a method may add its own check."""

    def describe_lost(self) -> str:
        """Say, with a leading `; `, what is not restored when the training goes on; usually empty."""
        return ""

    def create_model_card(self, *given: Any, **named: Any) -> None:
        """Write none: a checkpoint is not published, and TRL's card takes longer than the rest of a small one."""

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        learning_checks.check_numbers(self, f"Weights became no numbers by step {self.state.global_step}")
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        _save_tensors(dict(adapters.list_trainable(self.model)), Path(output_dir, TRAINED))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        adapters.restore_trainable(self.model, load_file(Path(resume_from_checkpoint, TRAINED)))

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(self.state.best_model_checkpoint)

    def evaluate(self, *given: Any, **named: Any) -> dict[str, float]:
        # smaller batches would change the rows' weights in the loss by which the best step is chosen
        with memory_fit.explained("while evaluating", "Lower the run's training.per_device_eval_batch_size."):
            return super().evaluate(*given, **named)

    def _run_epoch(self, **arguments: Any) -> None:
        # after its last step a killed run has none left, but transformers would take one more
        if self.state.global_step < self.state.max_steps and not self.consumption.is_spent():
            super()._run_epoch(**arguments)


class Resumption(TrainerCallback):
    """Complete each checkpoint of `trainer`, and go on from the newest one when training begins.

    Args:
        log, best: callbacks whose `REMEMBERED` attributes are saved; `best`, if given, has `weights` as well.
        stop: says when to save the present step and end.
    """

    def __init__(
        self, trainer: ResumableTrainer, log: TrainerCallback, best: TrainerCallback | None, stop: StopNote
    ) -> None:
        self.checkpoint = find_checkpoint(Path(trainer.args.output_dir))
        self.resumed_at: list[int] = []
        self.peak_memory_bytes = 0
        self._trainer, self._best, self._stop = trainer, best, stop
        self._parts = {"trainer": trainer, "log": log, "best": best, "consumption": trainer.consumption}
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
            self._trainer.collected_metrics[name] = [float(value) for value in values]
        if self._best is not None and self._best.step is not None:
            self._best.weights = load_file(self.checkpoint / BEST)
        if getattr(args, "sync_ref_model", False):
            self._trainer.ref_model.load_state_dict(load_file(self.checkpoint / REFERENCE), strict=False)
        self._order_to_restore = load_file(self.checkpoint / ORDER.format(args.process_index))
        self.resumed_at = [*kept["resumed_at"], state.global_step]
        self.peak_memory_bytes = kept["peak_memory_bytes"]
        state.compute_steps(args, state.max_steps)  # how often to save may have been changed meanwhile
        args.eval_on_start = False  # it was done at the start
        report_progress(f"goes on from the checkpoint of step {state.global_step}{self._trainer.describe_lost()}")

    def on_epoch_begin(self, args, state, control, train_dataloader=None, **kwargs):
        sampler = find_sampler(train_dataloader)
        if self._order_to_restore:
            restore_order(sampler, self._order_to_restore)
            self._order_to_restore = {}
        self._order = copy_order(sampler)

    def on_step_end(self, args, state, control, **kwargs):
        # at the end of an epoch or of the training, its evaluation is still to come
        ends = control.should_training_stop or state.epoch == int(state.epoch)
        short = state.max_steps <= state.save_steps  # a short training saves once at half of its steps
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
            # JSON has no infinity and no NaN
            "metrics": {name: [repr(float(value)) for value in row] for name, row in trainer.collected_metrics.items()},
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
