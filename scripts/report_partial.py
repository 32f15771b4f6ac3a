"""Make the report of what there is of a study, with whatever is missing named in its place, and why.

A tool for people, not a stage:  make report PARTIAL=1 [CONFIG=config/blog.yaml]
It trains and evaluates nothing. Exit code 3 if something is missing, 0 if nothing is, 1 if there is no page.
"""

import subprocess
import sys
from pathlib import Path

from tunelab.config.study import Study
from tunelab.jobs.partial import hand_over
from tunelab.upkeep.dry_run import plan_study
from tunelab.upkeep.partial import choose_block, describe_partial, find_missing, render_holes, restrict
from tunelab.upkeep.tools import build_parser, run_as_tool

PARTIAL = 3


def main(configfile: list[Path], cores: str, goal: str) -> int:
    plan = plan_study(configfile)
    if plan is None:
        return 1
    study, missing = Study(plan.config.describe_study()), find_missing(plan)
    block = choose_block(study, missing)
    partial = describe_partial(study, missing, block)
    command = [sys.executable, "-m", "snakemake", "--cores", cores]
    command += ["--configfile", *map(str, configfile)] if configfile else []
    if not partial["holes"]:
        return subprocess.run([*command, "--", goal]).returncode
    command += [*restrict(plan, missing, block, partial), "--", goal]
    if subprocess.run(command, env=hand_over(partial)).returncode:
        return 1
    print(f"{plan.target}: {render_holes(partial)}")
    return PARTIAL


if __name__ == "__main__":
    parser = build_parser(__doc__)
    parser.add_argument("--cores", default="all", help="how many cores Snakemake may use")
    parser.add_argument("goal", nargs="?", default="all", help="the rule whose files are wanted")
    run_as_tool(main, parser)
