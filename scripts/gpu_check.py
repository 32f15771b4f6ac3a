"""Run a study of a few minutes on a GPU and print one table of what each run did there.

A tool for people, not a stage:  make gpu-check [JOBS=4]
A run that fails does not stop the others. Exit code 1 if anything failed; the study is config/gpu_check.yaml.
"""

import os
import subprocess
import sys
from pathlib import Path

from tunelab import records
from tunelab.benchmarks.gpu_report import describe_gpu, list_checks, read_runs, render_check
from tunelab.errors import UserError
from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.tools import build_parser, run_as_tool

STUDY = Path("config/gpu_check.yaml")
# where vLLM is installed, one of the runs samples with it
VLLM = ["--config", "runs={grpo_full: {training: {use_vllm: true, vllm_mode: colocate}}}"]


def main(configfile: list[Path], jobs: int) -> int:
    if jobs < 1:
        raise UserError(f"JOBS: at least one job must run at a time (got {jobs}).")
    machine, files = describe_gpu(), [STUDY, *configfile]
    config = read_config(files)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    sharing = ["--resources", f"gpu={jobs}", "--max-threads", str(threads)]
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--keep-going", *sharing]
    sampler = [] if machine["vllm"] == "not installed" else VLLM
    done = subprocess.run([*command, *sampler, "--configfile", *map(str, files)])
    runs, found = read_runs(config), Path(config.study.results, "results.json")
    repeats = [] if done.returncode else records.read_json(found)["repeats"]
    checks = list_checks(runs, machine["device"], repeats)
    print("", render_check(machine | {"jobs at once": str(jobs)}, runs, checks), sep="\n")
    return int(bool(done.returncode) or any(check.holds is False for check in checks))


if __name__ == "__main__":
    parser = build_parser(__doc__)
    parser.add_argument("--jobs", type=int, default=4, help="how many jobs share the GPU; steps are timed alone with 1")
    run_as_tool(main, parser)
