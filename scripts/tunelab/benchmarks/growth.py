"""How the cost of steps grows with a run's settings, and that of planning with the number of trainings."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.benchmarks.orders import PLACE, Bench
from tunelab.benchmarks.summary import summarise
from tunelab.errors import UserError
from tunelab.upkeep.overlays import read_config

# settings by method, each with the values that are tried while the others stay as the run has them
GROWN = {
    "sft": {"per_device_train_batch_size": [4, 8, 16, 32], "max_length": [64, 128, 256]},
    "grpo": {"num_generations": [4, 8, 16], "max_completion_length": [32, 64, 128]},
}
PLANNED = [10, 100, 1000]  # trainings
SEEDS = 5


def measure(bench: Bench, run: str, method: str, setting: str, value: int) -> dict[str, Any]:
    """Measure steps of a run with one setting changed; a batch always holds the completions of whole groups."""
    changes = {setting: value}
    if setting == "num_generations":
        changes |= {"per_device_train_batch_size": 2 * value, "gradient_accumulation_steps": 1}
    dtype = bench.find_precision(run)
    rounds = [bench.measure(run, "project", dtype, f"growth_{setting}_{value}", **changes)]
    row = summarise(rounds, method, bench.read_product_rate(run, dtype))
    tokens = sum(rounds[0]["tokens"]) / len(rounds[0]["tokens"])
    row |= {"run": run, "setting": setting, "value": value, "tokens": tokens}
    print(f"{run}, {setting} {value}: {row['seconds']['median']:.2f} s a step", flush=True)
    return row


def time_plan(trainings: int, configfile: list[Path]) -> float:
    """Return the seconds of a dry run of a study with so many trainings: copies of its first trained run, 5 seeds."""
    config = read_config(configfile)
    run = next(name for name in config.study.runs if config.runs[name].method == "sft")
    spec = config.runs[run].model_dump(mode="json", exclude_unset=True)
    copies = {f"copy{number}": spec | {"label": f"Copy {number}"} for number in range(trainings // SEEDS)}
    study = {"results": "results/bench", "runs": list(copies), "seeds": list(range(1, SEEDS + 1))}
    overlay = PLACE / f"plan_{trainings}.json"
    records.write_json(
        overlay, {"study": study, "runs": copies, "noise": None, "drift": None, "comparison": {"contrasts": []}}
    )
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "all", "--cores", "1", "--configfile"]
    started = time.perf_counter()
    done = subprocess.run([*command, *map(str, configfile), str(overlay)], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"The dry run of {trainings} trainings failed: {done.stdout}{done.stderr}")
    return time.perf_counter() - started
