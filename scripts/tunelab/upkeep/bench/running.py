"""Run a bench: make what it starts from, train each variant in turns, tell on which machine."""

import platform
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from tunelab.errors import UserError
from tunelab.upkeep.bench.orders import Bench
from tunelab.upkeep.bench.summary import find_ratio, summarise

PLACE = Path("work/bench")
VARIANTS = ["plain", "project"]


def make_targets(bench: Bench, configfile: list[Path]) -> None:
    """Have Snakemake make what a bench starts from."""
    overlays = ["--configfile", *map(str, configfile)] if configfile else []
    done = subprocess.run([sys.executable, "-m", "snakemake", "--cores", "all", *bench.list_targets(), *overlays])
    if done.returncode:
        raise UserError("What the bench starts from could not be made; the lines above say why.")


def measure_run(bench: Bench, run: str, rounds: int) -> dict[str, Any]:
    """Measure a run by all variants in turns, the order reversed in every second round."""
    dtype, method = bench.find_precision(run), bench.config.runs[run].method
    made: dict[str, list] = {variant: [] for variant in VARIANTS}
    for number in range(rounds):
        for variant in VARIANTS[:: -1 if number % 2 else 1]:
            made[variant].append(bench.measure(run, variant, dtype, f"round{number + 1}"))
    rate = bench.read_product_rate(run, dtype)
    return {
        "dtype": dtype,
        "method": method,
        "ratio": find_ratio(made),
        "variants": {variant: summarise(found, method, rate) for variant, found in made.items()},
        "curves": {variant: found[0]["curves"] for variant, found in made.items()},
    }


def describe_machine() -> dict[str, str]:
    from tunelab.models.device import choose_device, describe_device

    return {
        "device": describe_device(choose_device()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "time": datetime.now().isoformat(timespec="minutes"),
    }
