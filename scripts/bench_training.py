"""Time training steps of the study's runs beside plain TRL scripts, in turns, and check that both learn the same.

A tool for people, not a stage:  make bench [CONFIG=config/real.yaml] [ROUNDS=3] [RUNS="lora grpo"]
Leave the machine alone meanwhile: a process beside a training slows it threefold. What it finds lies in work/bench/.
Exit code 1 if the curves of a run disagree in float32.
"""

import platform
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from tunelab import records
from tunelab.errors import UserError
from tunelab.models.device import choose_device, describe_device
from tunelab.upkeep.bench.curves import list_differences, render_curves
from tunelab.upkeep.bench.orders import Bench
from tunelab.upkeep.bench.summary import draw_parts, find_ratio, render_table, summarise
from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.tools import build_parser, run_as_tool

PLACE = Path("work/bench")
VARIANTS = ["plain", "project"]


def main(configfile: list[Path], rounds: int, runs: list[str]) -> int:
    bench = Bench(read_config(configfile), PLACE)
    if unknown := [run for run in runs if run not in bench.runs]:
        raise UserError(f"RUNS: {unknown[0]} is no run that this study trains; there are {', '.join(bench.runs)}.")
    make_targets(bench, configfile)
    found = {"machine": describe_machine(), "rounds": rounds, "runs": {}}
    wrong: list[str] = []
    for run in runs or bench.runs:
        checked = {variant: bench.measure(run, variant, "float32", "checked", checked=True) for variant in VARIANTS}
        differences = list_differences(*(checked[variant]["curves"] for variant in VARIANTS))
        wrong += [f"{run}: {difference}" for difference in differences]
        print(f"{run}, curves in float32: {'DISAGREE' if differences else 'agree'}", *render_curves(checked), sep="\n")
        found["runs"][run] = measure_run(bench, run, rounds)
        records.write_json(PLACE / "bench.json", found)
        records.write_text(PLACE / "bench.md", render_table(found))
        print(render_table({"runs": {run: found["runs"][run]}}), flush=True)
    draw_parts(found, PLACE / "bench.svg")
    print(f"All of it: {PLACE}/bench.json, bench.md, bench.svg.")
    if wrong:
        print("The curves disagree beyond rounding:", *wrong, sep="\n  ")
    return int(bool(wrong))


def make_targets(bench: Bench, configfile: list[Path]) -> None:
    """Have Snakemake make what a bench starts from."""
    overlays = ["--configfile", *map(str, configfile)] if configfile else []
    done = subprocess.run([sys.executable, "-m", "snakemake", "--cores", "all", *bench.list_targets(), *overlays])
    if done.returncode:
        raise UserError("What the bench starts from could not be made; the lines above say why.")


def measure_run(bench: Bench, run: str, rounds: int) -> dict:
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
    return {
        "device": describe_device(choose_device()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "time": datetime.now().isoformat(timespec="minutes"),
    }


if __name__ == "__main__":
    parser = build_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each variant trains")
    parser.add_argument("--runs", nargs="+", default=[], help="some of the study's trained runs; all without it")
    run_as_tool(main, parser)
