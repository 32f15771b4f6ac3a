# How many of a task's held-out rows a job's run is asked, for the rules that evaluate, and what a dry run tells of what
# they can show. No rule in here.

from snakemake.logging import logger
from tunelab.config.asked import find_asked_rows
from tunelab.upkeep.power import list_resolutions

ASKED = find_asked_rows(CFG)

if workflow.is_main_process and workflow.output_settings.dryrun:
    for sentence in list_resolutions(CFG):
        logger.info(sentence)


def count_asked(wildcards, most=None):
    """Return how many held-out rows of a task, the first, a job's run is asked; None for all.

    most: how many are asked at most, None for all.
    """
    run, _ = measured_arm(wildcards)
    return min(filter(None, (ASKED.get((run, wildcards.task)), most)), default=None)


def describe_asked(wildcards):  # a fact where a run is not asked all rows
    run, _ = measured_arm(wildcards)
    return f"tasks.{wildcards.task}.untaught_rows = {rows}" if (rows := ASKED.get((run, wildcards.task))) else ""


def first_rows(most=None):
    """Hand `first` to a script untracked: a function that names `input`; `describe_asked` is its fact."""
    return lambda wildcards, input: count_asked(wildcards, most)


def describe_repeat(wildcards, what):  # what it depends on besides what it repeats
    task = SLICES.repeated_task(wildcards.repeat, wildcards.task)
    size = task.loss_batch_size if what == "loss" else task.generation.batch_size
    return f"noise.{wildcards.repeat} = {CFG.noise.rows or 'all'} rows by {size}"
