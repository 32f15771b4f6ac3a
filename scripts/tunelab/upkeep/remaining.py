"""Whether what a failed run left is enough for a partial report."""

from collections.abc import Iterable
from typing import Any

from tunelab.config.loading import Config
from tunelab.config.study import Study
from tunelab.upkeep.holes import EXPORTS, Lacks, is_of_page
from tunelab.upkeep.planning import Job, describe_job
from tunelab.upkeep.whole import find_block


def leaves_a_page(config: Config, dag: Any, failed: Iterable[Any]) -> bool:
    """Tell whether a partial report would help: the page was asked for, did not fail itself, and a part is whole.

    dag: Snakemake's graph of the jobs that were to run; failed: those that did.
    """
    jobs = [_describe(job, dag) for level in dag.toposorted() for job in level if job.log]
    logs = {str(job.log[0]) for job in failed}
    of_page = [job for job in jobs if is_of_page(job) or job.rule in EXPORTS]
    if not of_page or any(job.log in logs for job in of_page):
        return False
    study = Study(config.describe_study())
    return find_block(study, Lacks(study, jobs, dict.fromkeys(logs, "")).arms) is not None


def _describe(job: Any, dag: Any) -> Job:
    return describe_job(job, dag.reason(job), known=True, runs=dag.needrun(job) and not dag.finished(job))
