"""Tell what would run now, why, and what each stage took last time.

A tool for people, not a stage:  make plan [CONFIG=config/blog.yaml]
The plan is Snakemake's own: a dry run inside this process, whose jobs are then looked at one by one.
"""

import contextlib
import io
import logging
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.cli import parse_args
from snakemake.settings import types as settings
from snakemake.settings.enums import Quietness

from tunelab.errors import UserError
from tunelab.upkeep.judging import judge_jobs, render_verdicts
from tunelab.upkeep.planning import describe_job, list_notes, render_plan
from tunelab.upkeep.tools import build_parser, run_as_tool

# quiet about rules and progress: no job is even pretended to run, so its reason stays as it is
SILENT = {"quiet": {Quietness.RULES, Quietness.PROGRESS}, "log_level_override": logging.ERROR}


def main(configfile: list[Path]) -> int:
    if missing := [file for file in configfile if not file.is_file()]:
        raise UserError(f"{missing[0]} is not there; name an overlay that exists, like config/smoke.yaml.")
    with SnakemakeApi(settings.OutputSettings(dryrun=True, enable_file_logging=False, **SILENT)) as snakemake:
        try:
            dag = dry_run(snakemake, configfile)
        except Exception as error:
            snakemake.print_exception(error)  # as Snakemake's own command shows it
            return 1
    known, runs, loaded = dag.workflow.persistence.has_metadata, dag.needrun, dag.workflow.globals
    found = [job for level in dag.toposorted() for job in sorted(level, key=str)]  # causes before effects
    (target,) = (job for job in found if job.rule.name == "all")
    jobs = [describe_job(job, dag.reason(job), known(job), runs(job)) for job in found if job is not target]
    if sum(job.runs for job in jobs) + runs(target) != len(dag):
        raise RuntimeError(f"Snakemake plans {len(dag)} jobs, but these were found: {jobs}")
    print("\n\n".join([render_plan(jobs, target.input[0]), *list_notes(loaded["CFG"], loaded["config"])]))
    if verdicts := judge_jobs(jobs):
        print("", render_verdicts(verdicts, configfile), sep="\n")
    return 0


def dry_run(snakemake: SnakemakeApi, configfile: list[Path]):
    """Return the graph of the study's jobs, with Snakemake's reasons, under the settings of the default profile."""
    with contextlib.redirect_stderr(io.StringIO()):  # one line on which profile it is
        _, profile = parse_args(["--dry-run"])
    resources = settings.ResourceSettings(cores=1, resources=profile.resources)
    workflow = snakemake.workflow(resources, settings.ConfigSettings(configfiles=configfile))
    chosen = {"rerun_triggers": profile.rerun_triggers, "max_checksum_file_size": profile.max_checksum_file_size}
    plan = workflow.dag(settings.DAGSettings(force_incomplete=profile.rerun_incomplete, **chosen))
    plan.execute_workflow(pseudo_executor="dryrun", execution_settings=settings.ExecutionSettings(lock=False))
    return workflow._workflow.dag  # no public way leads to it; the version of Snakemake is pinned


if __name__ == "__main__":
    run_as_tool(main, build_parser(__doc__))
