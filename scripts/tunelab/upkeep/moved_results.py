"""Tell by provenance cards which results are up to date that came without `.snakemake/`, so unknown to Snakemake."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from tunelab import records
from tunelab.jobs.jobcards import card_file
from tunelab.upkeep.planning import Job, describe_changes, label_jobs
from tunelab.upkeep.result_files import read_card

LINE_LIMIT = 10
TOUCH = "--touch --forceall --quiet all"  # mark every file as made now, run nothing


@dataclass(frozen=True)
class Verdict:
    """Why a job's results are out of date by its card: no causes if they are not, None if it has no card."""

    job: Job
    causes: tuple[str, ...] | None


def check_jobs(jobs: list[Job]) -> list[Verdict]:
    """Check the jobs that Snakemake has no records of; `jobs` are in the order of the workflow.

    Jobs that will run in any case are left out: their files are missing, or they depend on one that is out of date.
    """
    verdicts, remade = [], set()
    for job in jobs:
        sure = not remade.isdisjoint(job.inputs) or (job.runs and (job.known or bool(_list_missing(job))))
        verdict = None if sure or job.known else Verdict(job, find_causes(job))
        if verdict:
            verdicts.append(verdict)
        if sure or (verdict and verdict.causes):
            remade.update(job.outputs)
    return verdicts


def find_causes(job: Job) -> tuple[str, ...] | None:
    """List what differs between a job's card and its present facts, inputs and outputs; None without a card."""
    if missing := _list_missing(job):
        return (f"{missing[0]} is missing",)
    card = card_file(job.log)
    if not card.is_file():
        return None
    found = read_card(card)
    causes = describe_changes(found["facts"], job.facts)
    causes += [f"{path} changed" for path, digest in found["inputs"].items() if _differs(path, digest)]
    if set(found["inputs"]) != set(job.inputs):
        causes.append("it takes other files now")
    return tuple(causes)


def render_verdicts(verdicts: list[Verdict], configfile: list[Path]) -> str:
    """Render what the cards say and the commands to run next; `configfile` are the overlays of the study."""
    groups: dict[tuple, list[Job]] = {}
    for verdict in verdicts:
        if verdict.causes != ():
            groups.setdefault((verdict.job.rule, verdict.causes), []).append(verdict.job)
    lines = [
        f"  {label_jobs(jobs)}: {'; '.join(causes[:2]) if causes else 'no card, so nobody can tell'}"
        for (_, causes), jobs in groups.items()
    ]
    more = [f"  … and {len(lines) - LINE_LIMIT} more lines"] if len(lines) > LINE_LIMIT else []
    agreeing = sum(verdict.causes == () for verdict in verdicts)
    command = " ".join(
        ["snakemake --cores all", *(["--configfile"] if configfile else []), *map(shlex.quote, map(str, configfile))]
    )
    stale = [verdict.job.outputs[0] for verdict in verdicts if verdict.causes]
    remake = ["Make what is out of date again, and what follows:", f"  {command} --forcerun {shlex.join(stale)}"]
    return "\n".join(
        [
            "Results came without .snakemake/, so Snakemake cannot see what changed since. By their jobs' cards:",
            *lines[:LINE_LIMIT],
            *more,
            f"  up to date: {agreeing} job{'' if agreeing == 1 else 's'}",
            *(remake if stale else []),
            f"{'Then have' if stale else 'Have'} Snakemake take what is here for up to date; this runs nothing:",
            f"  {command} {TOUCH}",
        ]
    )


def _list_missing(job: Job) -> list[str]:
    return [path for path in job.outputs if not Path(path).exists()]


def _differs(path: str, digest: str) -> bool:
    return not Path(path).is_file() or records.hash_file(Path(path)) != digest
