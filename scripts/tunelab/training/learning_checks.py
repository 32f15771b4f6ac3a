"""Check that a training can learn and has learnt, and explain losses and weights that are NaN or infinite."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch

from tunelab.errors import UserError
from tunelab.models import adapters
from tunelab.values import list_names

PRECISION = "Set study.precision to float32, or choose another model"
SLOWER = "lower training.learning_rate"
UNTOUCHED = "Choose other layers or tokens for the adapter, or rows that use them; nothing is published."


class Unlearnt(UserError):
    """A training that ended without having learnt, which is the result of a trial and a mistake in a study."""


def check_start(model: torch.nn.Module) -> None:
    """Raise `UserError` if no weight of a model is trainable, or a trainable weight is NaN or infinite already."""
    if not adapters.list_trainable(model):
        raise UserError(
            "adapter: none of the model's weights would be trained with these fields. Name the layers or tokens that "
            "it is to change, or leave the fields out."
        )
    if broken := adapters.list_broken(model):
        raise UserError(f"The weights that training starts from hold numbers that are none ({broken[0]}). {PRECISION}.")


@contextlib.contextmanager
def explaining_no_gradient(model: torch.nn.Module) -> Iterator[None]:
    """Raise `UserError` if a loss computed within has no gradient at all."""
    try:
        yield
    except RuntimeError as error:
        if "does not require grad" not in str(error):
            raise
        raise UserError(f"The loss does not depend on {_describe(model)}. {UNTOUCHED}") from error


def check_numbers(trainer: Any, what: str) -> None:
    """Raise `Unlearnt`, which begins with `what`, if a trainable weight is NaN or infinite."""
    if broken := adapters.list_broken(trainer.model):
        raise Unlearnt(f"{what} ({broken[0]}); {explain_broken(trainer.model, trainer.state, trainer.args)}.")


def explain_broken(model: torch.nn.Module, state: Any, args: Any) -> str:
    """Say why a loss or a weight is NaN or infinite, and the remedy, by what was logged (`state.log_history`)."""
    frozen = [
        name for name, weight in model.named_parameters() if not (weight.requires_grad or torch.isfinite(weight).all())
    ]
    if frozen:
        return f"weights of the model that are not trained hold numbers that are none ({frozen[0]}). {PRECISION}"
    trained = [row for row in state.log_history if "loss" in row]
    if trained and not any(math.isfinite(row["loss"]) for row in trained):
        if trained[0]["step"] == 1:
            return f"so it was at the first step, before any weight had changed. {PRECISION}"
        return f"{SLOWER}, unless it is so from the first step on, which training.logging_steps: 1 would show"
    for row in trained:
        # float16 skips steps whose gradient overflowed
        if math.isnan(row.get("grad_norm", 0)) and math.isfinite(row["loss"]) and not args.fp16:
            return f"the gradient of step {row['step']} was none, although its loss was {row['loss']:.4g}. {PRECISION}"
    return SLOWER


def check_learnt(model: torch.nn.Module, before: dict[str, torch.Tensor], history: list[dict[str, Any]]) -> None:
    """Raise `Unlearnt` if a training changed no weight, or had no gradient to change one.

    Args:
        before: the trainable weights at the start.
        history: what was logged.
    """
    trained = [row for row in history if "loss" in row]
    gradients = [row["grad_norm"] for row in trained if row.get("grad_norm") is not None]
    if gradients and not any(gradients):
        if any(row["loss"] for row in trained):
            raise Unlearnt(
                f"No step had a gradient: the loss, {trained[-1]['loss']:.4g} at last, does not depend on "
                f"{_describe(model)}. {UNTOUCHED}"
            )
        raise Unlearnt(
            "The loss was 0 at every step, so that there was nothing to learn from the rows; nothing is published. "
            "Bring other rows, or start from another run."
        )
    if any(not torch.equal(weight, before[name]) for name, weight in adapters.copy_trainable(model).items()):
        return
    if gradients and not any(map(math.isfinite, gradients)):
        raise Unlearnt(f"Training changed no weight at all: the gradient overflowed at every step. {PRECISION}.")
    if trained and not any(row.get("learning_rate") for row in trained):
        raise Unlearnt(
            "Training changed no weight at all; raise training.learning_rate or the number of steps: the schedule's "
            "rate was 0 at every step that was logged."
        )
    raise Unlearnt("Training changed no weight at all; raise training.learning_rate or the number of steps.")


def _describe(model: torch.nn.Module) -> str:
    names = [name.removeprefix("base_model.model.") for name, _ in adapters.list_trainable(model)]
    return f"what is trainable ({list_names(names, room=100, quoted=False)})"
