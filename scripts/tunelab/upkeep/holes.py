"""What a study lacks for its page, job by job, and why: failed, to be made again, or not run yet."""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from tunelab.config.study import Study
from tunelab.jobs.job import name_job
from tunelab.upkeep.planning import Job
from tunelab.upkeep.whole import DRIFT, Arm, list_parts

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
