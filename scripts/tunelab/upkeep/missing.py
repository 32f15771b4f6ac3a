"""Find what a study lacks for its page and why (failed, to be made again, not run yet), and which part is complete.

A part is a task, or the drift (`DRIFT`); a run and one of its seeds are a `RunSeed`.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

from tunelab.config.loading import Config
from tunelab.config.study import Study
from tunelab.jobs.job import name_job
from tunelab.upkeep.planning import Job, describe_job

DRIFT = "(drift)"  # no task can have this name
RunSeed = tuple[str, int]
# the jobs that make the page: light, and about all runs together
PAGE = {"measure_overlap", "compare_methods", "plot_figure", "render_tables", "render_report"}
# what is made from it on demand
EXPORTS = {"render_paper", "compile_paper", "pack_bundle"}
# light jobs about what is measured; they may run for a partial report, unless they failed
LIGHT = {"measure_tokens", "check_positions", "render_model_card"}


class Cause(NamedTuple):
    """Why something is missing. kind: failed, changed or unmade; job: the job that caused it; reason: of that job."""

    kind: str
    job: str
    reason: str


def is_of_page(job: Job) -> bool:
    return job.rule in PAGE


class Missing:
    """The jobs of a plan that the page needs and that only a full run may run.

    jobs: all jobs of the plan, each after those it needs; failed: the reason of each failed job, by its log.
    """

    def __init__(self, study: Study, jobs: list[Job], failed: dict[str, str]) -> None:
        self._study, self._failed = study, failed
        self._jobs = [job for job in jobs if job.runs and not is_of_page(job)]
        self._makers = {path: job for job in self._jobs for path in job.outputs}
        self.blocking = [job for job in self._jobs if job.rule not in LIGHT or job.log in failed]

    @property
    def allowed(self) -> set[str]:
        """The rules of light jobs that have to run and may."""
        return {job.rule for job in self._jobs} & LIGHT

    @cached_property
    def lacking(self) -> dict[RunSeed, set[str]]:
        """The parts that each run and seed lacks."""
        found: dict[RunSeed, set[str]] = {}
        for job in self.blocking:
            for run_seed, part in self._list_concerned(job):
                found.setdefault(run_seed, set()).add(part)
        return found

    def explain(self, run_seeds: Iterable[RunSeed], parts: Iterable[str]) -> Cause | None:
        """Return why these parts of these runs and seeds are missing; None if they are not."""
        wanted = {(run_seed, part) for run_seed in run_seeds for part in parts}
        return self._trace(job for job in self.blocking if not wanted.isdisjoint(self._list_concerned(job)))

    def explain_repeats(self, tasks: Iterable[str]) -> Cause | None:
        """Return why repeated evaluations of these tasks are missing; None if they are not."""
        chosen = set(tasks)
        return self._trace(
            job for job in self.blocking if "repeat" in job.wildcards and job.wildcards["task"] in chosen
        )

    def explain_first(self) -> Cause | None:
        """Return why anything at all is missing."""
        return self._trace(self.blocking)

    def _list_concerned(self, job: Job) -> set[tuple[RunSeed, str]]:
        """List the runs, seeds and parts that miss something until this job has run (later jobs are not followed)."""
        study, of = self._study, job.wildcards
        if "run" in of:
            run_seeds = [(of["run"], int(of["seed"]))]
        elif job.rule in LIGHT:
            run_seeds = [run_seed for run_seed in study.list_arms() if study.run(run_seed[0])["model"] == of["model"]]
        else:
            return set()
        parts = [of["task"]] if "task" in of else [DRIFT] if job.rule == "measure_drift" else list_parts(study)
        if "dataset" not in of:
            return {(run_seed, part) for run_seed in run_seeds for part in parts}
        asked = {task for task in study.tasks if study.task(task)["dataset"] == of["dataset"]}
        learnt = {run_seed for run_seed in run_seeds if study.run(run_seed[0]).get("dataset") == of["dataset"]}
        return {(run_seed, part) for run_seed in run_seeds for part in parts if part in asked or run_seed in learnt}

    def _trace(self, jobs: Iterable[Job]) -> Cause | None:
        """Return the cause behind these jobs: the first failed job they wait for, or else the first job of all."""
        way = self._list_way(list(jobs))
        if not way:
            return None
        failed = next((job for job in way if job.log in self._failed), None)
        first = failed or way[0]
        title = name_job(first.rule, first.wildcards)
        if failed:
            return Cause("failed", title, self._failed[failed.log])
        if first.causes and first.causes != ("not made yet",):
            return Cause("changed", title, first.causes[0])
        return Cause("unmade", title, "")

    def _list_way(self, jobs: list[Job]) -> list[Job]:
        """List these jobs and all jobs to run that they wait for, each after those it needs."""
        found = {job.log for job in jobs}
        for one in jobs:  # grows while it is read
            for maker in filter(None, map(self._makers.get, one.inputs)):
                if maker.log not in found:
                    found.add(maker.log)
                    jobs.append(maker)
        return [one for one in self._jobs if one.log in found]


# The largest complete part of a study.
# Estimates and tests take all runs with the same seeds on the same tasks, so a page can be made of such a block only.


class Block(NamedTuple):
    """A selection of the study, in its order; `seeds` are those of trained runs, `parts` are of every run and seed."""

    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    parts: tuple[str, ...]

    @property
    def tasks(self) -> list[str]:
        return [part for part in self.parts if part != DRIFT]


def list_parts(study: Study) -> list[str]:
    return [*study.tasks, *([DRIFT] if study.spec.get("drift") else [])]


def find_block(study: Study, lacking: dict[RunSeed, set[str]]) -> Block | None:
    """Return the largest complete block: the most runs with seeds times parts, then the most of the former; or None.

    lacking: the parts that a run and seed lacks; one that is not listed has all parts.
    """
    present = {run_seed: frozenset(list_parts(study)) - lacking.get(run_seed, set()) for run_seed in study.list_arms()}
    blocks = [_fit_block(study, present, parts) for parts in _intersect(present.values()) if parts - {DRIFT}]
    return max((block for block in blocks if block.runs), key=lambda block: _measure(study, block), default=None)


def count_run_seeds(study: Study, block: Block) -> int:
    return sum(len(list_chosen_seeds(study, block, run)) for run in block.runs)


def list_chosen_seeds(study: Study, block: Block, run: str) -> list[int]:
    """List the seeds of a run that the block has; the untouched model's is always among them."""
    return [seed for seed in study.list_seeds(run) if seed in block.seeds or run not in study.list_trained()]


def _measure(study: Study, block: Block) -> tuple[int, ...]:
    run_seeds = count_run_seeds(study, block)
    return run_seeds * len(block.parts), run_seeds, len(block.runs)


def _fit_block(study: Study, present: dict[RunSeed, frozenset], parts: frozenset) -> Block:
    """Return the largest choice of runs and seeds that have all of these parts.

    Where seeds are added look by look, a run has nothing to lack with seeds that are not planned for it.
    """
    fit = {run_seed for run_seed, found in present.items() if parts <= found}
    planned = {run: frozenset(study.list_seeds(run)) for run in study.list_trained()}
    lacked = {run: frozenset(seed for seed in own if (run, seed) not in fit) for run, own in planned.items()}
    whole = {run: frozenset(study.seeds) - lacked[run] for run in planned}

    def count(seeds: frozenset) -> int:
        return sum(len(seeds & planned[run]) for run in planned if seeds <= whole[run])

    chosen = max(
        (seeds for seeds in _intersect(whole.values()) if count(seeds)),
        key=lambda seeds: (count(seeds), -len(seeds), sorted(seeds)),
        default=frozenset(study.seeds),
    )
    runs = [
        run
        for run in study.runs
        if (chosen <= whole[run] and chosen & planned[run] if run in planned else set(study.list_arms([run])) <= fit)
    ]
    seeds = [seed for seed in study.seeds if seed in chosen]
    return Block(tuple(runs), tuple(seeds), tuple(part for part in list_parts(study) if part in parts))


def _intersect(sets: Iterable[frozenset]) -> set[frozenset]:
    """Return all intersections of one or more of these sets, which are the only candidates for the largest choice."""
    found: set[frozenset] = set()
    for one in set(sets):
        found |= {one, *(one & other for other in found)}
    return found


def leaves_a_page(config: Config, dag: Any, failed: Iterable[Any]) -> bool:
    """Tell whether a partial report would help: the page was wanted, did not fail itself, and some part is complete.

    dag: Snakemake's graph of the jobs; failed: those that failed.
    """
    jobs = [_describe(job, dag) for level in dag.toposorted() for job in level if job.log]
    logs = {str(job.log[0]) for job in failed}
    of_page = [job for job in jobs if is_of_page(job) or job.rule in EXPORTS]
    if not of_page or any(job.log in logs for job in of_page):
        return False
    study = Study(config.describe_study())
    return find_block(study, Missing(study, jobs, dict.fromkeys(logs, "")).lacking) is not None


def _describe(job: Any, dag: Any) -> Job:
    return describe_job(job, dag.reason(job), known=True, runs=dag.needrun(job) and not dag.finished(job))
