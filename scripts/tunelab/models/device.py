"""The device that computes, its name and its memory."""

import resource
import sys

import torch


def choose_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe_device(device: torch.device) -> str:
    """Return the device's name as a reader of the report knows it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({torch.cpu.get_capabilities().get('cpu_name') or torch.cpu.get_capabilities()['architecture']})"


def measure_peak_memory(device: torch.device) -> int:
    """Return this process's peak use of the device's memory in bytes; on a CPU its peak resident set."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, kibibytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
