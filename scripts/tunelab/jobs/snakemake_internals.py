"""Change what Snakemake does, and read what it keeps to itself: all that a new version of it may break.

Two more places depend on such parts: `watching.display` takes the place of its handler for the terminal, and the rules
ask `workflow` how Snakemake was called. Tried with the version in requirements.lock; before another one is pinned, run
the tests of this file, of watching and of tests/dag.
"""

import os
import shlex
import sys
from collections.abc import Iterable
from typing import Any

from snakemake.jobs import Job

from tunelab.jobs.hardware import limit_cores
from tunelab.jobs.job import name_job
from tunelab.jobs.provenance import Facts


def compare_facts_alone() -> None:
    """Have Snakemake compare a job's param `facts` with the last time, item by item, and none of its other params.

    Snakemake compares params as a set of texts and prints what is in one set alone, so a list would be one long text.
    Other params hand values to a script, and facts say all that matters of them. Jobs of other workflows have no
    `Facts`, whatever their params are called, and are compared as ever.
    """
    unchanged = Job.non_derived_params.fget
    if unchanged.__module__ == __name__:  # a second workflow in the same process
        return

    def non_derived_params(job: Job) -> Iterable[Any]:
        facts = job.params.get("facts")
        return facts if isinstance(facts, Facts) else unchanged(job)

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


def find_dag(workflow: Any) -> Any:
    """Return the graph of the jobs that a workflow of Snakemake's API has planned."""
    return workflow._workflow.dag


def describe_jobs(workflow: Any) -> list[dict[str, Any]]:
    """List all jobs of a workflow but its targets, as plain values for the journal; `runs` tells which are to run."""
    dag, limits = workflow.dag, workflow.scheduler.global_resources
    return [
        {
            "number": dag.jobid(job),
            "title": name_job(job.rule.name, job.wildcards_dict),
            "rule": job.rule.name,
            "log": str(job.log[0]),
            "benchmark": job.benchmark and str(job.benchmark),
            "runs": bool(dag.needrun(job)),
            "claims": {
                name: job.scheduler_resources.get(name, 0) / limit
                for name, limit in limits.items()
                if 0 < limit < sys.maxsize
            },
            "causes": sorted(map(dag.jobid, dag.dependencies[job])),
        }
        for job in dag.jobs
        if job.log
    ]
