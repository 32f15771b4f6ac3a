"""Choose the device that computes; return its name and its memory."""

import resource
import sys

import torch

from tunelab.errors import UserError
from tunelab.jobs.hardware import is_promised
from tunelab.jobs.processes import find_place, is_launched


def choose_device() -> torch.device:
    """Choose the GPU, if there is one; where several processes train, the one that is this process's.

    Raises:
        UserError: if this job was given a GPU and PyTorch finds none, instead of silently computing on the CPU.
    """
    if torch.cuda.is_available():
        return torch.device("cuda", find_place()) if is_launched() else torch.device("cuda")
    if is_promised():
        raise UserError(
            f"This job was given a GPU, and PyTorch {torch.__version__} finds none: it is built for CPUs, or does not "
            "fit the driver. Set up another build (make setup TORCH=default), or set the resource `gpu` to 0."
        )
    return torch.device("cpu")


def describe_device(device: torch.device) -> str:
    """Return the device's name for readers of the report."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({torch.cpu.get_capabilities().get('cpu_name') or torch.cpu.get_capabilities()['architecture']})"


def measure_peak_memory(device: torch.device) -> int:
    """Return this process's peak use of the device's memory in bytes; on a CPU its peak resident set."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, kibibytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
