"""Count the completions that a run of reinforcement learning draws, from its settings.

TRL's batches count completions, and one generated batch may serve several steps. The processes of a run share each step
(`training.checkpoints`), so their number changes nothing.
"""

import math
from typing import Any

from tunelab.config.fields import find_setting

COUNTED = (  # fields of `training` on which the counts depend
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "generation_batch_size",
    "steps_per_generation",
    "num_generations",
    "num_iterations",
)


def count_of_step(run: dict[str, Any]) -> int:
    """Count what one step learns from: completions in reinforcement learning, rows in other methods."""
    return find_setting(run, "per_device_train_batch_size") * find_setting(run, "gradient_accumulation_steps")


def count_completions(run: dict[str, Any], steps: int, questions: int | None = None) -> int:
    """Count the completions that a run draws in its steps.

    Args:
        questions: the number of training rows; None if it is not known yet, as if one epoch held all steps.
    """
    size, accumulated = (find_setting(run, name) for name in COUNTED[:2])
    drawn = find_setting(run, "generation_batch_size") or size * (
        find_setting(run, "steps_per_generation") or accumulated
    )
    lasts = drawn // size * find_setting(run, "num_iterations")  # micro-batches of one generated batch
    if questions is None:
        return math.ceil(steps * accumulated / lasts) * drawn
    # an epoch ends with its last full generated batch, and its last step takes what is left of that
    epoch = questions * find_setting(run, "num_generations") // drawn * lasts
    epochs, rest = divmod(steps, math.ceil(epoch / accumulated))
    return math.ceil((epochs * epoch + rest * accumulated) / lasts) * drawn
