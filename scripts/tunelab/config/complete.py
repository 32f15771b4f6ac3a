"""Define the complete config, and all that follows from it about runs, trials and what they are asked."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from pydantic import Field, PrivateAttr

from tunelab.config.functions import place_functions
from tunelab.config.specs.base import Name, Spec
from tunelab.config.specs.data import DatasetSpec
from tunelab.config.specs.evaluation import DriftSpec, NoiseSpec, TaskSpec
from tunelab.config.specs.samples import SamplesSpec
from tunelab.config.specs.sources import HubSettings, ModelSpec
from tunelab.config.specs.study import BudgetSpec, ComparisonSpec, StudySpec
from tunelab.config.specs.training import CheckpointSettings, RunSpec, TrainingPlan
from tunelab.config.specs.trajectory import TrajectorySpec
from tunelab.config.specs.tuning import TuningSpec
from tunelab.config.study import Study, list_seeds
from tunelab.config.trials import VALIDATION, Trial, find_task, list_trials
from tunelab.config.waypoints import TASK as FOLLOWED
from tunelab.config.waypoints import Waypoint, list_waypoints


class Config(Spec):
    """The config; definitions are mappings, which overlays merge, and selections are lists, which overlays replace."""

    study: StudySpec
    hub: HubSettings = HubSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    models: dict[Name, ModelSpec] = Field(min_length=1)
    datasets: dict[Name, DatasetSpec] = Field(min_length=1)
    samples: dict[Name, SamplesSpec] = Field(default_factory=dict)
    runs: dict[Name, RunSpec] = Field(min_length=1)
    tasks: dict[Name, TaskSpec] = Field(min_length=1)
    drift: DriftSpec | None = None
    noise: NoiseSpec | None = None
    tuning: TuningSpec | None = None
    trajectory: TrajectorySpec | None = None
    comparison: ComparisonSpec
    _seeds: Mapping[str, tuple[int, ...]] | None = PrivateAttr(None)

    @cached_property
    def trained(self) -> list[str]:
        """All defined runs except untouched models."""
        return [name for name, run in self.runs.items() if run.method != "base"]

    @cached_property
    def trials(self) -> dict[str, Trial]:
        """The trials of tuned runs, by the names under which they are among the runs."""
        if self.tuning is None:
            return {}
        runs = {name: self.runs[name].model_dump(mode="json") for name in self.tuning.runs}
        return list_trials(self.tuning.model_dump(mode="json"), runs)

    @cached_property
    def selections(self) -> dict[str, str]:
        """The task that a tuned run's trials are evaluated on, by the run."""
        if self.tuning is None:
            return {}
        return {run: VALIDATION.format(find_task(self._plain, run)) for run in self.tuning.runs}

    @cached_property
    def divided(self) -> set[str]:
        """The data sets whose validation rows are divided, since some tuned run chooses its steps by them."""
        tuned = [self.runs[run] for run in self.selections]
        return {run.dataset for run in tuned if run.training.get("load_best_model_at_end")}

    @cached_property
    def followed(self) -> dict[str, list[str]]:
        """What each run of the study is asked along its training, by the run."""
        section = self.trajectory
        found = {
            run: [FOLLOWED.format(task) for task in section.tasks if self.tasks[task].dataset == self.runs[run].dataset]
            for run in (self.study.runs if section else ())
            if self.runs[run].method != "base"
        }
        return {run: tasks for run, tasks in found.items() if tasks}

    @cached_property
    def waypoints(self) -> dict[str, Waypoint]:
        """The points of followed runs before their ends, by the names under which they are evaluated."""
        return list_waypoints(self.followed, self.trajectory.points) if self.trajectory else {}

    def find_trained(self, run: str) -> str:
        """Return the run whose training a name is of: a waypoint's run, or the run itself."""
        return self.waypoints[run].run if run in self.waypoints else run

    def find_origin(self, run: str) -> str | None:
        """Return the run that a followed run began from: its start, or the study's untouched run of its model."""
        start = getattr(self.runs[run], "init_from", None)
        untouched = [
            name for name, spec in self.runs.items() if spec.method == "base" and spec.model == self.runs[run].model
        ]
        return start or next((name for name in untouched if name in self.study.runs), None)

    @cached_property
    def _plain(self) -> dict[str, Any]:
        return self.model_dump(mode="json", include={"study": {"tasks"}, "runs": True, "tasks": True})

    @cached_property
    def learners(self) -> list[str]:
        """All defined runs that learn from drawn answers."""
        return [name for name, run in self.runs.items() if getattr(run, "samples", None)]

    @cached_property
    def repeated_arm(self) -> tuple[str, int]:
        """The run and seed that `noise` evaluates again."""
        return self.noise.run, self.list_seeds(self.noise.run)[0]

    def find_budget(self, run: str) -> BudgetSpec | None:
        """Return the budget of a trained run, if the study compares it, or tries its settings, and has one."""
        return self.study.budget if self.find_tuned(run) in self.study.runs else None

    def find_tuned(self, run: str) -> str:
        """Return the run whose settings a trial tries, or the run itself."""
        return self.trials[run].run if run in self.trials else run

    def plan_training(self, run: str) -> TrainingPlan:
        """Return what the study says of a run's training."""
        points = self.trajectory.points if self.trajectory and run in self.followed else 0
        return TrainingPlan(self.checkpoints, run in self.trials, points, self.find_budget(run))

    def list_trained(self, *methods: str, adapter: bool) -> list[str]:
        """List the defined runs of these methods that publish an adapter, or those that publish a complete model."""
        return [run for run in self.trained if self.runs[run].method in methods and self.keeps_adapter(run) == adapter]

    def find_drawn_seed(self, samples: str, seed: int) -> int:
        """Return the seed of the run whose drawn answers a run of this seed learns from."""
        return list_seeds(self.runs[self.samples[samples].run].method, [int(seed)])[0]

    def list_seeds(self, run: str) -> tuple[int, ...]:
        """List the seeds with which a run is planned: all of the study, unless a look or a partial report has fewer."""
        return tuple(list_seeds(self.runs[run].method, (self._seeds or {}).get(run, self.study.seeds)))

    def with_seeds(self, seeds: Mapping[str, Iterable[int]] | None) -> "Config":
        """Return the config with the seeds that are planned for its runs; a run that is not named has all of them."""
        planned = self.model_copy()
        planned._seeds = seeds and {run: tuple(own) for run, own in seeds.items()}
        return planned

    def list_behind(self, runs: Iterable[str]) -> list[str]:
        """List runs with those behind them, selected or not: starts, teachers, and runs that drew their answers."""
        found: dict[str, None] = {}
        waiting = list(runs)
        while waiting:
            name = waiting.pop(0)
            if name in found or name not in self.runs:  # a teacher may be a model
                continue
            found[name] = None
            run = self.runs[name]
            drawn = getattr(run, "samples", None)
            waiting += [getattr(run, "init_from", None), getattr(run, "teacher", None)]
            waiting += [self.samples[drawn].run] if drawn else []
        return list(found)

    def list_all_seeds(self, run: str) -> tuple[int, ...]:
        """List all seeds with which a run may be trained: for the study, for its trials, and for those of others."""
        seeds = self.tuning.seeds if run in self.trials else self.all_seeds
        return tuple(list_seeds(self.runs[run].method, seeds))

    @cached_property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds of the study and of trials."""
        return (*self.study.seeds, *(self.tuning.seeds if self.tuning else ()))

    def keeps_adapter(self, run: str) -> bool:
        """Tell whether a trained run publishes an adapter; otherwise it publishes a complete model."""
        spec = self.runs[run]
        return self.keeps_adapter(spec.init_from) if getattr(spec, "init_from", None) else spec.adapter is not None

    def find_adapter(self, run: str) -> dict[str, Any] | None:
        """Return the PEFT fields of the adapter that a run trains, its own or that of its start."""
        spec = self.runs[run]
        return self.find_adapter(spec.init_from) if getattr(spec, "init_from", None) else spec.adapter

    def find_teacher(self, run: str) -> tuple[str | None, str]:
        """Return the run that teaches a run (None if an untouched model does), and the teacher's model."""
        name = self.runs[run].teacher
        return (name, self.runs[name].model) if name in self.runs else (None, name)

    def find_asked_rows(self) -> dict[tuple[str, str], int]:
        """Return, by (run, task), how many of the held-out rows a run answers if these are not all (`untaught_rows`).

        All rows are answered by untouched models, by runs that learnt the task's data set or start from one that did,
        and by runs that the config compares on the task.
        """
        study = Study(self.describe_study())
        return {
            (run, name): task.untaught_rows
            for name, task in self.tasks.items()
            if task.untaught_rows is not None
            for run in self.trained
            if task.dataset not in self._list_learnt(run)
            and not (name in study.tasks and any(run in pair for pair in study.list_contrasts(name)))
        }

    def _list_learnt(self, run: str | None) -> set[str]:
        """List the data sets that a run and its starts learnt."""
        found = set()
        while run:
            found.add(getattr(self.runs[run], "dataset", None))
            run = getattr(self.runs[run], "init_from", None)
        return found

    def with_places(self, results: str, find_text: Callable[[str], str]) -> "Config":
        """Return the config with another folder for results, and `find_text` applied to its texts and functions."""
        drift = self.drift
        if drift:
            drift = drift.model_copy(update={"texts": tuple(map(find_text, drift.texts))})
        placed = place_functions({"runs": self.runs, "samples": self.samples, "tasks": self.tasks}, find_text)
        return self.model_copy(
            update={"study": self.study.model_copy(update={"results": results}), "drift": drift, **placed},
        )

    def _describe_samples(self, name: str) -> dict[str, Any]:
        learners = [run for run in self.study.runs if getattr(self.runs[run], "samples", None) == name]
        wanted = {seed for run in learners for seed in self.list_seeds(run)}
        seeds = dict.fromkeys(self.find_drawn_seed(name, seed) for seed in self.study.seeds if seed in wanted)
        return self.samples[name].model_dump(mode="json") | {"seeds": list(seeds)}

    def describe_study(self) -> dict[str, Any]:
        """Return the selected entries as plain values, for stages that describe the study."""
        runs = {name: self.runs[name] for name in self.study.runs}
        drawn = sorted({run.samples for run in runs.values() if getattr(run, "samples", None)})
        tasks = {name: self.tasks[name] for name in self.study.tasks}
        models = sorted({run.model for run in runs.values()})
        datasets = sorted(
            {task.dataset for task in tasks.values()} | {r.dataset for r in runs.values() if r.method != "base"}
        )
        planned = {"run_seeds": {run: list(self.list_seeds(run)) for run in self.study.runs}} if self._seeds else {}
        return {
            "study": self.study.model_dump(mode="json") | planned,
            "models": {name: self.models[name].model_dump(mode="json") for name in models},
            "datasets": {name: self.datasets[name].model_dump(mode="json") for name in datasets},
            "samples": {name: self._describe_samples(name) for name in drawn},
            "runs": {name: run.model_dump(mode="json") for name, run in runs.items()},
            "tasks": {name: task.model_dump(mode="json") for name, task in tasks.items()},
            "tuning": self._describe_tuning(),
            "trajectory": self.trajectory and self.trajectory.model_dump(mode="json"),
            **{
                name: section and section.model_dump(mode="json")
                for name, section in (("comparison", self.comparison), ("noise", self.noise), ("drift", self.drift))
            },
        }

    def _describe_tuning(self) -> dict[str, Any] | None:
        """Return the section on tuning of the selected runs; None if none of them is tuned."""
        section = self.tuning.model_dump(mode="json") if self.tuning else {"runs": {}}
        runs = {run: grid for run, grid in section["runs"].items() if run in self.study.runs}
        return section | {"runs": runs} if runs else None
