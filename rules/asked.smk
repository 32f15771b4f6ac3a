# How many of a task's held-out rows a job's run is asked, for the rules that evaluate, and what a dry run tells of what
# they can show. No rule in here.

from snakemake.logging import logger
from tunelab.upkeep.power import list_resolutions

ASKED = CFG.find_asked_rows()
# what is asked along the way of trainings
ALONG = {task for tasks in CFG.followed.values() for task in tasks}

if workflow.is_main_process and workflow.output_settings.dryrun:
    for sentence in list_resolutions(CFG):
        logger.info(sentence)


def count_asked(wildcards, most=None):
    """Return how many held-out rows of a task, the first, a job's run is asked; None for all.

    most: how many are asked at most, None for all.
    """
    run, _ = measured_arm(wildcards)
    along = CFG.trajectory.rows if wildcards.task in ALONG else None
    return min(filter(None, (ASKED.get((run, wildcards.task)), most, along)), default=None)


def count_repeated(wildcards):
    """Return how many held-out rows, the first, a repeated evaluation is asked; None for all."""
    return count_asked(wildcards, CFG.noise.rows)


def asked_facts(wildcards):
    """List the fact that a run is not asked all rows of a task, if it is so."""
    run, _ = measured_arm(wildcards)
    along = [f"trajectory.rows = {CFG.trajectory.rows}"] if wildcards.task in ALONG else []
    rows = ASKED.get((run, wildcards.task))
    return [*along, *([f"tasks.{wildcards.task}.untaught_rows = {rows}"] if rows else [])]


def repeat_facts(wildcards, what, facts):
    """Add to the facts of what a repeat repeats one of its own, so that it is never taken from what that job made."""
    task = SLICES.repeated_task(wildcards.repeat, wildcards.task)
    size = task.loss_batch_size if what == "loss" else task.generation.batch_size
    return Facts([*facts, f"noise.{wildcards.repeat} = {CFG.noise.rows or 'all'} rows by {size}"])
