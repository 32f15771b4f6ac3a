"""Tell what would run now, why, what each stage took last time, which look is next, and what the test rows can tell.

A tool for people, not a stage:  make plan [CONFIG=config/blog.yaml]
"""

from pathlib import Path

from tunelab.upkeep.dry_run import plan_study
from tunelab.upkeep.looks import list_looks
from tunelab.upkeep.moved_results import check_jobs, render_verdicts
from tunelab.upkeep.planning import list_notes, render_plan
from tunelab.upkeep.power import list_resolutions
from tunelab.upkeep.tools import build_parser, run_as_tool


def main(configfile: list[Path]) -> int:
    plan = plan_study(configfile)
    if plan is None:
        return 1
    told = [render_plan(plan.jobs, plan.target), *list_looks(plan), *list_notes(plan.config, plan.raw)]
    if any(job.runs for job in plan.jobs):
        told.append("\n".join(list_resolutions(plan.config)))
    print("\n\n".join(filter(None, told)))
    if verdicts := check_jobs(plan.jobs):
        print("", render_verdicts(verdicts, configfile), sep="\n")
    return 0


if __name__ == "__main__":
    run_as_tool(main, build_parser(__doc__))
