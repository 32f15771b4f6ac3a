"""Plan the jobs of a study with Snakemake: a dry run inside this process, which starts and writes nothing."""

import contextlib
import io
import logging
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from snakemake.api import SnakemakeApi
from snakemake.cli import parse_args
from snakemake.settings import types as settings
from snakemake.settings.enums import Quietness

from tunelab.config.complete import Config
from tunelab.config.documents import read_document
from tunelab.errors import UserError
from tunelab.jobs.snakemake_internals import find_dag
from tunelab.upkeep.planning import Job, describe_job
from tunelab.values import shorten

# quiet about rules and progress, so that Snakemake does not pretend to run jobs, which would change their reasons
SILENT = {"quiet": {Quietness.RULES, Quietness.PROGRESS}, "log_level_override": logging.ERROR}


class Plan(NamedTuple):
    """All jobs of a study, each after those it needs; `target` is its page, `raw` the merged config as typed."""

    jobs: list[Job]
    target: str
    config: Config
    raw: dict[str, Any]


def plan_study(configfile: list[Path]) -> Plan | None:
    """Return the plan of the default study with overlays; None if Snakemake could make none and has printed why.

    Raises:
        UserError: if an overlay cannot be read, or Snakemake cannot take the profile.
    """
    for file in configfile:
        read_document(file)
    profile = _read_profile()
    interpreter = sys.executable  # the rules quote it for the shell; what runs behind the plan takes it as it is
    with SnakemakeApi(settings.OutputSettings(dryrun=True, enable_file_logging=False, **SILENT)) as snakemake:
        try:
            dag = _dry_run(snakemake, configfile, profile)
        except Exception as error:
            snakemake.print_exception(error)  # as Snakemake's own command shows it
            return None
        finally:
            sys.executable = interpreter
    known, runs, loaded = dag.workflow.persistence.has_metadata, dag.needrun, dag.workflow.globals
    found = [job for level in dag.toposorted() for job in sorted(level, key=_name)]
    (target,) = (job for job in found if job.rule.name == "all")
    jobs = [describe_job(job, dag.reason(job), known(job), runs(job)) for job in found if job is not target]
    if sum(job.runs for job in jobs) + runs(target) != len(dag):
        raise RuntimeError(f"Snakemake plans {len(dag)} jobs, but these were found: {jobs}")
    return Plan(jobs, target.input[0], loaded["CFG"], loaded["config"])


def _read_profile() -> Any:
    """Return the settings of the profile that a plain `snakemake` would take.

    Raises:
        UserError: with what Snakemake says of a profile that it cannot take.
    """
    said = io.StringIO()  # names the profile, and why it cannot be taken
    try:
        with contextlib.redirect_stderr(said):
            _, profile = parse_args(["--dry-run"])
    except SystemExit:
        told = said.getvalue()
        reason = told[told.lower().rfind("error:") :].partition(":")[2]
        named = os.environ.get("SNAKEMAKE_PROFILE")
        where = f"SNAKEMAKE_PROFILE: {shorten(named)}" if named else "profiles/default"
        raise UserError(f"{where} cannot be taken. Snakemake says: {' '.join(reason.split())}") from None
    return profile


def _name(job: Any) -> tuple[str, list[str]]:
    """Return what no two jobs of a plan share."""
    return job.rule.name, list(map(str, job.output))


def _dry_run(snakemake: SnakemakeApi, configfile: list[Path], profile: Any) -> Any:
    """Return the graph of the study's jobs, with Snakemake's reasons, under the settings of the default profile."""
    resources = settings.ResourceSettings(cores=1, resources=profile.resources)
    workflow = snakemake.workflow(resources, settings.ConfigSettings(configfiles=configfile))
    chosen = {"rerun_triggers": profile.rerun_triggers, "max_checksum_file_size": profile.max_checksum_file_size}
    plan = workflow.dag(settings.DAGSettings(force_incomplete=profile.rerun_incomplete, **chosen))
    plan.execute_workflow(pseudo_executor="dryrun", execution_settings=settings.ExecutionSettings(lock=False))
    return find_dag(workflow)
