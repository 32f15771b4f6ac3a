"""What the order of an epoch's rows is drawn from, to be drawn again."""

from typing import Any

import torch
from accelerate.data_loader import get_sampler


def find_sampler(loader: Any) -> Any:
    """Return what draws the rows' order; where several processes train, accelerate hides it one step deeper."""
    dealt = getattr(loader.batch_sampler, "batch_sampler", None)
    return getattr(dealt, "sampler", None) or get_sampler(loader)


def copy_order(sampler: Any) -> dict[str, torch.Tensor]:
    """Return the states of what a sampler draws from at the start of an epoch: torch's own generator, or its own."""
    own = getattr(sampler, "generator", None)
    return {"torch": torch.get_rng_state()} | ({"sampler": own.get_state()} if own else {})


def restore_order(sampler: Any, order: dict[str, torch.Tensor]) -> None:
    """Put back what `copy_order` returned."""
    torch.set_rng_state(order["torch"])
    if "sampler" in order and sampler.generator is not None:
        sampler.generator.set_state(order["sampler"])
