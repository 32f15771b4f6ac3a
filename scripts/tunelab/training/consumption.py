"""Count what a training has consumed so far: floating point operations and tokens by part, and drawn completions.

Every call of a model is counted from the rows that it was given (`models.flops`), so that it matters neither how a
trainer makes them nor what computes them. Completions are counted from their lengths, as whatever draws them.
"""

import contextlib
import functools
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import Trainer, TrainerCallback, TrainerState

from tunelab.config.budget import read_amounts
from tunelab.models import flops
from tunelab.models.flops import Reach, Work
from tunelab.models.packed_model import find_base
from tunelab.training.budget import Budget
from tunelab.training.checkpoints import gather_each

TRAINING, DRAWING, REFERENCE, TEACHER, VALIDATION = "training", "drawing", "reference", "teacher", "validation"


class Consumption(TrainerCallback):
    """Count what a training consumes, over all attempts and processes, and end it when its budget is spent.

    Args:
        clock: has the seconds of the training's steps so far in `train_seconds`.

    Attributes:
        flops, passed: by part, the operations, and the tokens that passed a model. Passes of the trained model without
            gradients, as for the policy that drew completions, are part of the reference.
        completions: how many were drawn.
    """

    def __init__(self, trainer: Trainer, clock: TrainerCallback, budget: Budget | None = None) -> None:
        self.flops: dict[str, int] = {}
        self.passed: dict[str, int] = {}
        self.completions = 0
        self._trainer, self._clock, self._budget = trainer, clock, budget
        self._new: Counter[tuple[str, str]] = Counter()  # of this process, not shared yet
        self._rates: dict[tuple, flops.Rates] = {}
        self._reach: Reach | None = None
        self._muted = False
        reference = getattr(trainer, "ref_model", None)
        for model in [trainer.model, *([] if reference is None else [trainer.accelerator.unwrap_model(reference)])]:
            self._count_calls(model)

    def collect(self) -> None:
        """Add to the sums what all processes have consumed since; each of them calls this at the same time."""
        for share in gather_each(dict(self._new)):
            for (kind, part), amount in share.items():
                if kind == "completions":
                    self.completions += amount
                else:
                    sums = getattr(self, kind)
                    sums[part] = sums.get(part, 0) + amount
        self._new.clear()

    def on_step_end(self, args, state, control, **kwargs):
        self.collect()
        control.should_training_stop |= self.is_spent()

    def is_spent(self) -> bool:
        """Tell whether the training has consumed its budget, if it has one; all processes say the same."""
        return self._budget is not None and self._budget.before + self._measure() >= self._budget.limit

    def _measure(self) -> float:
        own = read_amounts(self.describe() | {"train_seconds": gather_each(self._clock.train_seconds)[0]})
        return own[self._budget.axis]

    def find_progress(self, state: TrainerState) -> float:
        """Return how much of its steps, or of its budget where that is more, a training has behind it: 1 at its end."""
        steps = state.global_step / state.max_steps
        if self._budget is None:
            return steps
        return max(steps, self._measure() / (self._budget.limit - self._budget.before))

    def describe(self) -> dict[str, Any]:
        """Return the sums as they stand among a run's costs."""
        drawn = {"completions": self.completions} if self.completions else {}
        return {"flops": self.flops, "passed_tokens": self.passed, **drawn}

    def describe_budget(self) -> dict[str, Any]:
        """Return how the budget was used, as it stands among a run's costs; nothing without one."""
        return {"budget": self._budget.describe(self._measure())} if self._budget else {}

    def read(self) -> dict[str, int]:
        """Return what has been consumed so far, as it stands in a run's history."""
        self.collect()
        drawn = {"completions": self.completions} if self.completions else {}
        return {"flops": sum(self.flops.values()), **drawn}

    @contextlib.contextmanager
    def counting(self, model: Any, work: Work) -> Iterator[None]:
        """Count a call of a model within the block."""
        if self._muted:
            yield
            return
        part = self._find_part(model)
        if part == TRAINING and self._reach is None:
            with flops.recording_reach(model) as self._reach:
                yield
        else:
            yield
        self._add(part, model, work)

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """Count no call within the block, in which completions are drawn."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    def add_drawn(self, prompts: list[list[int]], completions: list[list[int]]) -> None:
        """Count completions that were drawn to prompts, given as tokens."""
        model = self._trainer.accelerator.unwrap_model(self._trainer.model)
        for prompt, completion in zip(prompts, completions, strict=True):
            self._add(DRAWING, model, flops.measure_drawing(model, len(prompt), len(completion)))
        self._new["completions", DRAWING] += len(completions)

    def _count_calls(self, model: Any) -> None:
        base = find_base(model)
        others = base.forward

        @functools.wraps(type(base).forward)  # `generate` asks for the signature
        def forward(self_: Any, *args: Any, **inputs: Any) -> Any:
            counted = self._leave_out_repeated(inputs) if self._find_part(model) == VALIDATION else inputs
            with self.counting(model, flops.measure_inputs(*args, **counted)):
                return others(*args, **inputs)

        base.forward = types.MethodType(forward, base)

    def _leave_out_repeated(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Leave out the rows that accelerate repeats so that the last batches of all processes are full."""
        state, args = self._trainer.accelerator.gradient_state, self._trainer.args
        if args.world_size == 1 or not state.end_of_dataloader or state.remainder < 1:
            return inputs
        size = max(len(value) for value in inputs.values() if isinstance(value, torch.Tensor))
        own = max(state.remainder - args.process_index * size, 0)
        return {name: value[:own] if isinstance(value, torch.Tensor) else value for name, value in inputs.items()}

    def _find_part(self, model: Any) -> str:
        own = find_base(self._trainer.accelerator.unwrap_model(self._trainer.model))
        if not own.training:
            return VALIDATION
        if find_base(model) is own:
            return TRAINING if torch.is_grad_enabled() else REFERENCE
        return TEACHER if find_base(model) is find_base(getattr(self._trainer, "teacher_model", None)) else REFERENCE

    def _add(self, part: str, model: Any, work: Work) -> None:
        reach = self._reach if part == TRAINING else None
        switched = (model.active_adapter, _is_off(model)) if isinstance(model, PeftModel) else ()
        key = (id(model), reach is None, *switched)
        if key not in self._rates:
            self._rates[key] = flops.measure_rates(model, reach)
        self._new["flops", part] += self._rates[key].count(work)
        self._new["passed", part] += work.tokens


def _is_off(model: PeftModel) -> bool:
    return next((module.disable_adapters for module in model.modules() if isinstance(module, BaseTunerLayer)), False)
