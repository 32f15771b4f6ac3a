# What jobs claim: threads and GPUs, and of a cluster memory and time as well. No rule in here.
#
# What takes seconds on one core has no `threads` and is a `localrule`, which a cluster leaves to the machine that
# Snakemake runs on, where the network is.

from tunelab.upkeep.resources import Claims

# commands that run no job, such as `--summary` and `--dag`, need not name any
CORES = workflow.global_resources["_cores"].value or 1

if TAKEN is None:
    # a job on a GPU mostly waits for it; one without takes what the machine has, as far as more is faster
    THREADS = max(1, min(4, CORES // workflow.global_resources["gpu"].value)) if GPUS else 16
    # evaluations run two at a time, so that one's start-up, which is single-threaded, hides behind the other's work
    HALF_OF_CORES = max(1, CORES // 2)
    CLAIMS = {}
else:
    asked = Claims(TAKEN, gpu=bool(GPUS))
    THREADS = HALF_OF_CORES = asked.threads
    CLAIMS = {"mem_mb": asked.megabytes, "runtime": asked.minutes}


def training_gpus(wildcards):
    """Say how many GPUs a training claims: each of its processes has one."""
    return GPUS * CFG.runs[wildcards.run].processes
