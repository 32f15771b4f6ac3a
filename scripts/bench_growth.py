"""Measure how a step slows with larger batches, groups, completions and rows, and planning with more trainings.

A tool for people, not a stage:  make bench-growth [CONFIG=config/real.yaml]
Leave the machine alone meanwhile. What it finds lies in work/bench/growth.json and growth.md.
"""

from pathlib import Path

from tunelab import records
from tunelab.benchmarks.measuring import GROWN, PLACE, PLANNED, Bench, make_targets, measure_setting, time_plan
from tunelab.benchmarks.summary import render_growth
from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.tools import build_parser, run_as_tool


def main(configfile: list[Path]) -> int:
    bench = Bench(read_config(configfile), PLACE)
    make_targets(bench, configfile)
    found = {"steps": [], "plans": []}
    for method, settings in GROWN.items():
        runs = [run for run in bench.runs if bench.config.runs[run].method == method]
        for setting, values in settings.items() if runs else ():
            found["steps"] += [measure_setting(bench, runs[0], method, setting, value) for value in values]
    for trainings in PLANNED:
        found["plans"].append({"trainings": trainings, "seconds": time_plan(trainings, configfile)})
    records.write_json(PLACE / "growth.json", found)
    records.write_text(PLACE / "growth.md", render_growth(found))
    print(render_growth(found))
    return 0


if __name__ == "__main__":
    run_as_tool(main, build_parser(__doc__))
