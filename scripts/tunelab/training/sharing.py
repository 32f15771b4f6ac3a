"""What several processes of one training share: the rows of a step, the costs, what each of them has of its own.

accelerate deals a sampler's batches out to them in turn, so that the batches of a step are those of one process, if
each takes its part of the accumulation.
"""

from typing import Any

from accelerate import PartialState
from accelerate.utils import gather_object

from tunelab.config.specs.training import SHARED
from tunelab.jobs.launching import count_processes


def share_steps(training: dict[str, Any]) -> dict[str, Any]:
    """Return a run's settings for each of its processes: a step of all takes the rows that the settings say."""
    processes = count_processes()
    if processes == 1:
        return training
    shares = {name: training[name] // processes for name in SHARED if training.get(name)}
    # without it transformers has DDP search for adapters' weights that a step leaves out, which recomputation forbids
    return training | shares | {"ddp_find_unused_parameters": False}


def gather_each(value: Any) -> list[Any]:
    """Return every process's value, in the order of the processes."""
    return gather_object([value])


def first_alone() -> Any:
    """Return a context into which the other processes come when the first one has left it."""
    return PartialState().main_process_first()
