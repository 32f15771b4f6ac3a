"""All that reaches into Snakemake where its documented interface ends.

Tried with the version in requirements.lock. Before another version is pinned, run this file's tests and tests/dag.
"""

import os
import shlex
import sys
from collections.abc import Iterable
from typing import Any

from snakemake.jobs import Job

from tunelab.jobs.hardware import limit_cores


def compare_facts_alone() -> None:
    """Have Snakemake compare a job's param `facts` with the last time, item by item, and none of its other params.

    Snakemake compares params as a set of texts and prints what is in one set alone, so a list would be one long text.
    Other params hand values to a script, and facts say all that matters of them. Jobs without `facts`, as of other
    workflows, are compared as ever.
    """
    unchanged = Job.non_derived_params.fget
    if unchanged.__module__ == __name__:  # a second workflow in the same process
        return

    def non_derived_params(job: Job) -> Iterable[Any]:
        facts = job.params.get("facts")
        return unchanged(job) if facts is None else facts

    Job.non_derived_params = property(non_derived_params)


def quote_interpreter() -> None:
    """Have jobs find this Python in a folder with spaces or other signs of the shell.

    Snakemake (9.27) writes its path into commands as it is; a path that is quoted already stays so.
    """
    if os.path.isfile(sys.executable):
        sys.executable = shlex.quote(sys.executable)


def respect_quotas(workflow: Any) -> None:
    """Lower the cores of a local run to what a container lets this process use."""
    asked = workflow.resource_settings
    if asked.cores and not asked.nodes:  # its own cores, not a cluster's
        workflow.global_resources["_cores"] = limit_cores(asked.cores)


def list_rules_to_run(workflow: Any) -> set[str]:
    """List the names of the rules that have a job to run."""
    return {job.rule.name for job in workflow.dag.needrun_jobs()}


def list_failed(workflow: Any) -> list[Any]:
    """List the jobs that failed, as Snakemake's own objects."""
    return list(workflow.scheduler.failed)
