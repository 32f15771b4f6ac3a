"""Judge runs that several processes train: what they share must be divisible, and nothing may deal rows out otherwise.

What TRL, transformers and accelerate do with several processes was read in and tried with the installed versions.
"""

from collections.abc import Iterator

from tunelab.config.drafts import Draft, Problem
from tunelab.config.field_classes import find_setting
from tunelab.config.methods import REWARDED
from tunelab.config.specs.training import SHARED
from tunelab.config.wording import show

Found = Iterator[Problem]
# settings that several processes cannot obey: the values that do no harm, and why
UNFIT = {
    "accelerator_config": ((), "the workflow itself deals the batches out to them"),
    "train_sampling_strategy": (("random", "sequential"), "each of them would draw an order of its own"),
    "use_vllm": ((False,), "only transformers' own generation was tried with them"),
    "use_transformers_continuous_batching": ((False,), "only transformers' own generation was tried with them"),
}


def check_launch(config: Draft, path: tuple, run: Draft) -> Found:
    """See that the processes of a run can share what its training says."""
    if run.get("launch") is None:
        return
    if run.method == "kto":
        text = "KTO estimates the divergence from the rows of all processes, which changes what is learnt; leave it out"
        yield Problem((*path, "launch"), text)
    for name, (fit, reason) in UNFIT.items():
        if (value := run.training.get(name)) not in (None, *fit):
            text = f"cannot be used with several processes (got {show(value)}), as {reason}; leave it out"
            yield Problem((*path, "training", name), text)
    yield from _check_shares(path, run, run.launch.processes)


def _check_shares(path: tuple, run: Draft, processes: int) -> Found:
    steps = {name: run.training.get(name) for name in SHARED if run.training.get(name)}
    steps.setdefault("gradient_accumulation_steps", find_setting(run, "gradient_accumulation_steps"))
    batch = find_setting(run, "per_device_train_batch_size")
    for name, given in steps.items():
        if given % processes:
            text = (
                f"must be a multiple of launch.processes ({processes}), each of which takes its part (got {given}). To "
                f"keep the {batch * given} rows of it, lower per_device_train_batch_size ({batch}) and raise this by "
                "the same factor"
            )
            yield Problem((*path, "training", name), text)
    generated = run.training.get("generation_batch_size")
    if run.method in REWARDED and generated and generated % (batch * processes):
        text = (
            f"must be a multiple of per_device_train_batch_size × launch.processes ({batch} × {processes}; got "
            f"{generated})"
        )
        yield Problem((*path, "training", "generation_batch_size"), text)
