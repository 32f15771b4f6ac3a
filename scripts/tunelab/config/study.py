"""The runs, seeds, tasks and contrasts of a study, from the part of the config that a stage is given."""

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

IMPORTED = "imported"  # the method of a run that was read from logs; each of its seeds is one of them
UNTRAINED = ("base", IMPORTED)
BASE_SEED = 0  # the untouched model has no training, hence nothing to seed
REPEATS = ("again", "rebatched")  # the additional evaluations of the run that `noise` names


def list_seeds(method: str, seeds: Iterable[int]) -> list[int]:
    """List the seeds of a run: the study's, or the one of an untouched model."""
    return [BASE_SEED] if method == "base" else list(seeds)


def read_contrast(entry: Any) -> tuple[list[str], list[str] | None]:
    """Return what an entry of `comparison.contrasts` compares: [run, against], and the tasks, None for all."""
    if isinstance(entry, list | tuple):
        return list(entry), None
    return list(entry["runs"]), list(entry["tasks"])


def has_unused_epochs(training: dict) -> bool:
    """Tell whether a run's `num_train_epochs` is unused, because transformers prefers `max_steps`."""
    return "num_train_epochs" in training and training.get("max_steps", -1) > 0


def cuts_rows(training: dict) -> bool:
    """Tell whether rows longer than `max_length` are cut, as they are unless packing divides them."""
    return not training.get("packing") or training.get("packing_strategy", "bfd") == "bfd"


class Study:
    """The selected part of the config (`spec`, as `Config.describe_study` gives it, or a slice of it)."""

    def __init__(self, spec: dict) -> None:
        self.spec = json.loads(json.dumps(spec))  # tuples become lists, as in every file written from it

    @cached_property
    def runs(self) -> list[str]:
        """The selected runs."""
        return self.spec["study"]["runs"]

    @cached_property
    def tasks(self) -> list[str]:
        """The selected tasks."""
        return self.spec["study"]["tasks"]

    def run(self, run: str) -> dict:
        """Return a run's entry."""
        return self.spec["runs"][run]

    def task(self, task: str) -> dict:
        """Return a task's entry."""
        return self.spec["tasks"][task]

    @cached_property
    def own_metrics(self) -> dict[str, str]:
        """The user's own metrics, each with the direction in which it is better."""
        tasks = [self.task(task) for task in self.tasks]
        return {name: metric["better"] for task in tasks for name, metric in task.get("metrics", {}).items()}

    def list_runs(self, *methods: str) -> list[str]:
        """List the runs of these methods."""
        return [run for run in self.runs if self.run(run)["method"] in methods]

    def list_trained(self) -> list[str]:
        """List the runs that are trained."""
        return [run for run in self.runs if self.run(run)["method"] not in UNTRAINED]

    def has_spread(self, run: str) -> bool:
        """Tell whether a run was trained with seeds; an untouched model, or a single log, stands as it is."""
        method = self.run(run)["method"]
        return method not in UNTRAINED or (method == IMPORTED and len(self.list_seeds(run)) > 1)

    @cached_property
    def is_imported(self) -> bool:
        """Whether all runs were read from logs, so that nothing was trained or asked here."""
        return len(self.list_runs(IMPORTED)) == len(self.runs)

    def list_answered(self) -> list[str]:
        """List the tasks to which every run has answers in words; of logs, some have scores alone."""
        unanswered = [name for name, task in self.spec.get("tasks", {}).items() if task.get("answered") is False]
        return [task for task in self.tasks if task not in unanswered]

    def list_tuned(self) -> list[str]:
        """List the runs whose settings are chosen among trials."""
        tuning = self.spec.get("tuning")
        return [run for run in self.runs if tuning and run in tuning["runs"]]

    def list_learners(self) -> list[str]:
        """List the runs that learn from drawn answers."""
        return [run for run in self.runs if self.run(run).get("samples")]

    def list_drawings(self) -> list[tuple[str, int]]:
        """List (entry of `samples`, seed) of all answers that are drawn for the study's runs."""
        entries = self.spec.get("samples", {})
        return [(name, seed) for name, entry in entries.items() for seed in entry["seeds"]]

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds with which any run is trained, in the order of the config; all of them if none is."""
        seeds, own = self.spec["study"]["seeds"], [self.list_seeds(run) for run in self.list_trained()]
        return [seed for seed in seeds if any(seed in planned for planned in own)] if own else seeds

    def list_seeds(self, run: str) -> list[int]:
        """List the seeds of a run: those that are planned for it, else all of the study."""
        planned = self.spec["study"].get("run_seeds", {}).get(run, self.spec["study"]["seeds"])
        return list_seeds(self.run(run)["method"], planned)

    def list_common_seeds(self, runs: Iterable[str]) -> list[int]:
        """List the seeds that all of these runs have; an untouched model, or a single log, stands beside any seed."""
        own = [self.list_seeds(run) for run in runs if self.has_spread(run)]
        return [seed for seed in own[0] if all(seed in others for others in own)] if own else []

    @cached_property
    def seed_counts(self) -> tuple[int, int]:
        """The fewest and the most seeds of a trained run; of a study that trains none, those of the config."""
        counted = self.list_trained() or filter(self.has_spread, self.runs)
        counts = [len(self.list_seeds(run)) for run in counted] or [len(self.seeds)]
        return min(counts), max(counts)

    def list_arms(self, runs: Iterable[str] | None = None) -> list[tuple[str, int]]:
        """List (run, seed) of these runs, or of all."""
        return [(run, seed) for run in (self.runs if runs is None else runs) for seed in self.list_seeds(run)]

    def list_contrasts(self, task: str | None = None) -> list[tuple[str, str]]:
        """List the pairs (run, against) of the study's runs that the config compares.

        Args:
            task: a task, or the name of a neutral text; None for pairs that are compared on any task of the study.
        """
        found = []
        for entry in self.spec["comparison"]["contrasts"]:
            (run, against), tasks = read_contrast(entry)
            asked = tasks is None or (task in tasks if task else not set(self.tasks).isdisjoint(tasks))
            if asked and {run, against} <= set(self.runs):
                found.append((run, against))
        return list(dict.fromkeys(found))

    def list_texts(self) -> list[str]:
        """List the neutral texts, by the stems of their files."""
        drift = self.spec.get("drift")
        return [Path(text).stem for text in drift["texts"]] if drift else []

    def find_untouched(self, run: str) -> str | None:
        """Return the study's untouched run of the same model, or None; of logs, the first run stands for it."""
        if self.run(run)["method"] == IMPORTED:
            return self.list_runs(IMPORTED)[0]
        same = [name for name in self.list_runs("base") if self.run(name)["model"] == self.run(run)["model"]]
        return same[0] if same else None

    def find_reference(self, run: str) -> str | None:
        """Return the run that stands on the first screen beside this one: `find_untouched`, if that is another run."""
        reference = None if self.run(run)["method"] == "base" else self.find_untouched(run)
        return None if reference == run else reference

    def find_shown(self, run: str, role: str) -> str | None:
        """Return the study's run that starts or teaches a run (role `init_from` or `teacher`), or None.

        If no run of the study is named, it is the untouched run of the model that is.
        """
        named = self.run(run).get(role) or self.run(run)["model"]
        if self.run(run).get(role) in self.runs:
            return named
        untouched = [name for name in self.list_runs("base") if self.run(name)["model"] == named]
        return untouched[0] if untouched else None

    def list_datasets(self, run: str) -> set[str]:
        """List the data sets that a run was trained on, with those of its starts that are in the study."""
        trained = set()
        while run in self.runs:
            trained.add(self.run(run).get("dataset"))
            run = self.run(run).get("init_from")
        return trained - {None}

    def list_learnt(self) -> list[str]:
        """List the data sets that the study's runs were trained on."""
        return sorted(set().union(*map(self.list_datasets, self.runs)))

    def list_taught(self, run: str) -> list[str]:
        """List the tasks on whose data set a run was trained."""
        return [task for task in self.tasks if self.task(task)["dataset"] == self.run(run).get("dataset")]

    def list_token_pairs(self) -> list[tuple[str, str]]:
        """List the (data set, model) pairs by which runs are trained or evaluated."""
        asked = [self.task(task)["dataset"] for task in self.tasks]
        runs = [self.run(run) for run in self.runs]
        pairs = [(dataset, run["model"]) for run in runs for dataset in [*asked, run.get("dataset")] if dataset]
        return list(dict.fromkeys(pairs))
