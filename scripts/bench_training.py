"""Time training steps of the study's runs beside plain TRL scripts, in turns, and check that both learn the same.

A tool for people, not a stage:  make bench [CONFIG=config/real.yaml] [ROUNDS=3] [RUNS="lora grpo"]
Leave the machine alone meanwhile: a process beside a training slows it threefold. What it finds lies in work/bench/.
Exit code 1 if the curves of a run disagree in float32.
"""

from pathlib import Path

from tunelab import records
from tunelab.benchmarks.measuring import PLACE, VARIANTS, Bench, describe_machine, make_targets, measure_run
from tunelab.benchmarks.summary import draw_parts, list_differences, render_curves, render_table
from tunelab.errors import UserError
from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.tools import build_parser, run_as_tool


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


if __name__ == "__main__":
    parser = build_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each variant trains")
    parser.add_argument("--runs", nargs="+", default=[], help="some of the study's trained runs; all without it")
    run_as_tool(main, parser)
