"""The jobs of a run as Snakemake planned them: as plain values, for its journal, and with the times they may take."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tunelab.errors import UserError
from tunelab.jobs.job import name_job
from tunelab.upkeep.spending import find_spending
from tunelab.watching.timeleft import PlannedJob

JOURNAL = Path(".snakemake/journal.jsonl")  # what a running Snakemake leaves for `make status`


def describe_jobs(workflow: Any) -> list[dict[str, Any]]:
    """List all jobs of a workflow but its targets, which do nothing; `runs` tells which are to run."""
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


def plan_times(jobs: Iterable[dict[str, Any]]) -> dict[int, PlannedJob]:
    """Return the jobs that are to run, by Snakemake's number, with what they took last time."""
    jobs = list(jobs)
    try:
        spent = find_spending((job["rule"], job["log"], job["benchmark"]) for job in jobs)
    except UserError:  # a broken card; `make verify` tells
        spent = {}
    return {
        job["number"]: PlannedJob(
            title=job["title"],
            rule=job["rule"],
            log=Path(job["log"]),
            seconds=found.seconds if (found := spent.get(job["log"])) else None,
            claims=job["claims"],
            causes=frozenset(job["causes"]),
        )
        for job in jobs
        if job["runs"]
    }
