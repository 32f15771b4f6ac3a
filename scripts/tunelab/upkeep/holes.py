"""What a study lacks for its page, job by job, and why: failed, to be made again, or not run yet."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

from tunelab.config.loading import Config
from tunelab.config.study import Study
from tunelab.jobs.job import name_job
from tunelab.upkeep.planning import Job, describe_job

# What of a study is whole: the largest block of runs, seeds and parts of which nothing is lacking.
# A part is a task, or the drift; a run and one of its seeds are an arm. Estimates and tests take all runs with the
# same seeds on the same tasks, so a page can be made of a block only.


DRIFT = "(drift)"  # no task can have this name
Arm = tuple[str, int]


class Block(NamedTuple):
    """A selection of the study, in its order; `seeds` are those of trained runs, `parts` of every arm."""

    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    parts: tuple[str, ...]

    @property
    def tasks(self) -> list[str]:
        return [part for part in self.parts if part != DRIFT]


def list_parts(study: Study) -> list[str]:
    return [*study.tasks, *([DRIFT] if study.spec.get("drift") else [])]


def find_block(study: Study, lacking: dict[Arm, set[str]]) -> Block | None:
    """Return the block of the most arms by parts; of equal ones that of more arms, then of more runs; None if none is.

    lacking: which parts an arm has not; one that is not named has all.
    """
    held = {arm: frozenset(list_parts(study)) - lacking.get(arm, set()) for arm in study.list_arms()}
    blocks = [_fit_block(study, held, parts) for parts in _intersect(held.values()) if parts - {DRIFT}]
    return max((block for block in blocks if block.runs), key=lambda block: _measure(study, block), default=None)


def count_arms(study: Study, block: Block) -> int:
    return sum(len(list_chosen_seeds(study, block, run)) for run in block.runs)


def list_chosen_seeds(study: Study, block: Block, run: str) -> list[int]:
    """List the seeds of a run that the block has; the untouched model's is always among them."""
    return [seed for seed in study.list_seeds(run) if seed in block.seeds or run not in study.list_trained()]


def _measure(study: Study, block: Block) -> tuple[int, ...]:
    arms = count_arms(study, block)
    return arms * len(block.parts), arms, len(block.runs)


def _fit_block(study: Study, held: dict[Arm, frozenset], parts: frozenset) -> Block:
    """Return the largest choice of runs and seeds that have all of these parts."""
    fit = {arm for arm, found in held.items() if parts <= found}
    trained = study.list_trained()
    own = {run: frozenset(seed for seed in study.list_seeds(run) if (run, seed) in fit) for run in trained}
    chosen = max(
        (seeds for seeds in _intersect(own.values()) if seeds),
        key=lambda seeds: (len(seeds) * sum(seeds <= found for found in own.values()), -len(seeds), sorted(seeds)),
        default=frozenset(study.spec["study"]["seeds"]),
    )
    runs = [run for run in study.runs if (chosen <= own[run] if run in own else set(study.list_arms([run])) <= fit)]
    seeds = [seed for seed in study.spec["study"]["seeds"] if seed in chosen]
    return Block(tuple(runs), tuple(seeds), tuple(part for part in list_parts(study) if part in parts))


def _intersect(sets: Iterable[frozenset]) -> set[frozenset]:
    """Return all intersections of one or more of these sets: the only choices that no other one contains."""
    found: set[frozenset] = set()
    for one in set(sets):
        found |= {one, *(one & other for other in found)}
    return found


# what the page itself is made by: light, and of all runs together
PAGE = {"measure_overlap", "compare_methods", "render_tables", "render_report"}
# and what is made of it on demand
EXPORTS = {"render_paper", "compile_paper", "pack_bundle"}
# light jobs that belong to what is measured; they go along, unless they failed
LIGHT = {"measure_tokens", "check_positions", "render_model_card"}


class Cause(NamedTuple):
    """Why something is not there. kind: failed, changed or unmade; job: the one that is behind it; reason: its own."""

    kind: str
    job: str
    reason: str


def is_of_page(job: Job) -> bool:
    return job.rule in PAGE or job.rule.startswith("plot_")


class Lacks:
    """The jobs of a plan that a page cannot do without and that only a full run may make.

    jobs: all of the plan, causes before effects; failed: the reason of each job that failed, by its log.
    """

    def __init__(self, study: Study, jobs: list[Job], failed: dict[str, str]) -> None:
        self._study, self._failed = study, failed
        self._jobs = [job for job in jobs if job.runs and not is_of_page(job)]
        self._makers = {path: job for job in self._jobs for path in job.outputs}
        self.blocking = [job for job in self._jobs if job.rule not in LIGHT or job.log in failed]

    @property
    def allowed(self) -> set[str]:
        """The rules of light jobs that are to run and may."""
        return {job.rule for job in self._jobs} & LIGHT

    @cached_property
    def arms(self) -> dict[Arm, set[str]]:
        """Which parts each arm lacks."""
        found: dict[Arm, set[str]] = {}
        for job in self.blocking:
            for arm, part in self._list_concerned(job):
                found.setdefault(arm, set()).add(part)
        return found

    def explain(self, arms: Iterable[Arm], parts: Iterable[str]) -> Cause | None:
        """Return why these parts of these arms are not whole; None if they are."""
        wanted = {(arm, part) for arm in arms for part in parts}
        return self._trace(job for job in self.blocking if not wanted.isdisjoint(self._list_concerned(job)))

    def explain_repeats(self, tasks: Iterable[str]) -> Cause | None:
        """Return why the repeated evaluations of these tasks are not whole."""
        chosen = set(tasks)
        return self._trace(
            job for job in self.blocking if "repeat" in job.wildcards and job.wildcards["task"] in chosen
        )

    def explain_first(self) -> Cause | None:
        """Return why anything at all is lacking."""
        return self._trace(self.blocking)

    def _list_concerned(self, job: Job) -> set[tuple[Arm, str]]:
        """List what lacks something as long as a job has not run, its effects on other jobs not counted."""
        study, of = self._study, job.wildcards
        if "run" in of:
            arms = [(of["run"], int(of["seed"]))]
        elif job.rule in LIGHT:
            arms = [arm for arm in study.list_arms() if study.run(arm[0])["model"] == of["model"]]
        else:
            return set()
        parts = [of["task"]] if "task" in of else [DRIFT] if job.rule == "measure_drift" else list_parts(study)
        if "dataset" not in of:
            return {(arm, part) for arm in arms for part in parts}
        asked = {task for task in study.tasks if study.task(task)["dataset"] == of["dataset"]}
        learnt = {arm for arm in arms if study.run(arm[0]).get("dataset") == of["dataset"]}
        return {(arm, part) for arm in arms for part in parts if part in asked or arm in learnt}

    def _trace(self, jobs: Iterable[Job]) -> Cause | None:
        """Return the cause behind these jobs: the first failed one on the way to them, or the very first of all."""
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
        """List these jobs and all to run that they wait for, causes before effects."""
        found = {job.log for job in jobs}
        for one in jobs:  # grows while it is read
            for maker in filter(None, map(self._makers.get, one.inputs)):
                if maker.log not in found:
                    found.add(maker.log)
                    jobs.append(maker)
        return [one for one in self._jobs if one.log in found]


# Whether what a failed run left is enough for a partial report.


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
