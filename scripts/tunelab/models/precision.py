"""Decide once for a study in which precision a model computes: as the config says, or the fastest on this machine.

A processor's flags do not tell: of those with `avx512_bf16`, one computes bfloat16 at half the speed of float32,
another at four times. So on a CPU `auto` times a product of the model's own shape in both. All jobs of the study use
the decision, wherever they run; measuring again might decide otherwise.
"""

import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from tunelab import records
from tunelab.errors import UserError
from tunelab.jobs.job import report_progress
from tunelab.models.device import choose_device, describe_device

GAIN = 1.3  # bfloat16 is less exact, so it must be this much faster
ROUNDS = 5
TOKENS = 1024


def decide_precision(model: Path, asked: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the decision (`dtype` for the `device`), and the measured `seconds` of a `shape`, if any.

    Args:
        model: folder of the fetched model.
        asked: the config's `study.precision`.

    Raises:
        UserError: if float16 is asked for on a CPU.
    """
    device = choose_device()
    measured: dict[str, Any] = {"asked": asked, "shape": None, "seconds": None}
    if asked != "auto":
        dtype = _check(asked, device, "study.precision")
    elif device.type == "cuda":
        # is_bf16_supported() also counts emulation
        dtype = "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
    else:
        shape = _find_shape(model)
        seconds = time_products(shape)
        dtype = "bfloat16" if seconds["bfloat16"] * GAIN <= seconds["float32"] else "float32"
        measured |= {"shape": shape, "seconds": seconds, "threads": torch.get_num_threads()}
    return {"dtype": dtype, "device": describe_device(device)}, measured


def load_precision(file: Path, override: str | None = None) -> torch.dtype:
    """Read the study's decision; a run's own `precision` goes before it.

    Raises:
        UserError: if the run asks for float16 and this is a CPU.
    """
    decision, device = records.read_json(file), choose_device()
    if override is not None:
        return getattr(torch, _check(override, device, "precision"))
    here = describe_device(device)
    if decision["device"] != here:
        report_progress(
            f"{file}: {decision['dtype']} was chosen on another machine ({decision['device']}) and holds on this one "
            f"({here}), as all of a study compute alike"
        )
    return getattr(torch, decision["dtype"])


def time_products(shape: list[int]) -> dict[str, float]:
    """Return, by dtype, the fewest seconds that a product [rows, inner] x [inner, columns] took."""
    rows, inner, columns = shape
    factors = {
        name: (torch.ones(rows, inner, dtype=dtype), torch.ones(columns, inner, dtype=dtype))
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
    }
    seconds: dict[str, list[float]] = {name: [] for name in factors}
    for _ in range(ROUNDS + 1):  # the first round prepares the kernels
        for name, (states, weight) in factors.items():
            started = time.perf_counter()
            torch.nn.functional.linear(states, weight)
            seconds[name].append(time.perf_counter() - started)
    return {name: min(found[1:]) for name, found in seconds.items()}


def _find_shape(model: Path) -> list[int]:
    config = AutoConfig.from_pretrained(model).get_text_config()
    return [TOKENS, config.hidden_size, getattr(config, "intermediate_size", None) or 4 * config.hidden_size]


def _check(asked: str, device: torch.device, key: str) -> str:
    if asked == "float16" and device.type == "cpu":
        raise UserError(
            f"{key}: float16 on a CPU is hundreds of times slower than float32; take auto, float32 or bfloat16."
        )
    return asked
