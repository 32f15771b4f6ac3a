"""Tell how the cost of a step grows with batch, group, completion and row lengths, and of planning with the runs.

A tool for people, not a stage:  make bench-growth [CONFIG=config/real.yaml]
Leave the machine alone meanwhile. What it finds lies in work/bench/growth.json and growth.md.
"""

import subprocess
import sys
import time
from pathlib import Path

from bench_training import PLACE, make_targets

from tunelab import records
from tunelab.errors import UserError
from tunelab.upkeep.bench.orders import Bench
from tunelab.upkeep.bench.summary import render_growth, summarise
from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.tools import build_parser, run_as_tool

# settings by method, each with the values that are tried while the others stay as the run has them
GROWN = {
    "sft": {"per_device_train_batch_size": [4, 8, 16, 32], "max_length": [32, 64, 128, 256]},
    "grpo": {"num_generations": [4, 8, 16], "max_completion_length": [32, 64, 128]},
}
PLANNED = [10, 100, 1000]  # trainings
SEEDS = 5


def main(configfile: list[Path]) -> int:
    bench = Bench(read_config(configfile), PLACE)
    make_targets(bench, configfile)
    found = {"steps": [], "plans": []}
    for method, settings in GROWN.items():
        runs = [run for run in bench.runs if bench.config.runs[run].method == method]
        for setting, values in settings.items() if runs else ():
            found["steps"] += [measure(bench, runs[0], method, setting, value) for value in values]
    for trainings in PLANNED:
        found["plans"].append({"trainings": trainings, "seconds": time_plan(trainings, configfile)})
    records.write_json(PLACE / "growth.json", found)
    records.write_text(PLACE / "growth.md", render_growth(found))
    print(render_growth(found))
    return 0


def measure(bench: Bench, run: str, method: str, setting: str, value: int) -> dict:
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
    spec = config.runs[run].model_dump(mode="json")
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


if __name__ == "__main__":
    run_as_tool(main, build_parser(__doc__))
