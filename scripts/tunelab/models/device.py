"""Choose device and precision: bfloat16 where the hardware computes in it, float32 otherwise.

float16 is only for GPUs without bfloat16; on a CPU it is hundreds of times slower than float32.
"""

import resource
import sys

import torch


def choose_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype in which `device` multiplies matrices fastest without losing float32's range, if it can."""
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)  # is_bf16_supported() also counts emulation
        return torch.bfloat16 if native else torch.float16
    capabilities = torch.cpu.get_capabilities()
    fast = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return torch.bfloat16 if fast else torch.float32


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
