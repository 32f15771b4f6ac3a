"""The GPU that a check runs on, and the versions that it is about."""

import subprocess
from importlib.metadata import PackageNotFoundError, version

from tunelab.errors import UserError

PACKAGES = ("torch", "transformers", "trl", "peft", "bitsandbytes", "vllm")


def describe_gpu() -> dict[str, str]:
    """Return the GPU's name, its driver, and the versions of what computes on it.

    Raises:
        UserError: if PyTorch sees no GPU.
    """
    from tunelab.models.device import choose_device, describe_device

    device = choose_device()
    if device.type != "cuda":
        raise UserError("PyTorch sees no GPU here, and this check is about what only a GPU does; run it where one is.")
    return {"device": describe_device(device), "driver": find_driver()} | {
        name: find_version(name) for name in PACKAGES
    }


def find_driver() -> str:
    """Return the version of NVIDIA's driver, or say that it does not tell."""
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        lines = []
    return lines[0] if lines else "unknown"


def find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
