"""Select the part of the config that each stage depends on, so that an edit re-runs what it changes and nothing else.

A slice is made of plain values. It becomes the stage's facts, and the same slice is handed to its script.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from tunelab.config.arguments import load_arguments
from tunelab.config.complete import Config
from tunelab.config.completions import COUNTED
from tunelab.config.methods import DRAWING, METHODS, PREFERENCES, REWARDED, SIGNALLING
from tunelab.config.specs.evaluation import TaskSpec
from tunelab.config.specs.sources import CHAT_FIELDS, describe_source
from tunelab.config.specs.training import CHOICE
from tunelab.config.study import Study
from tunelab.config.trials import find_own, find_selecting
from tunelab.jobs.functions import by_content, hash_functions, list_judges

# for the stages of the whole study: comparison, figures, page


class StudySlices:
    """The slices of all selected runs and tasks together."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def whole(self) -> dict[str, Any]:
        """Everything that is selected, for the page."""
        return self._config.describe_study()

    @cached_property
    def drift(self) -> dict[str, Any]:
        """What drift is measured on; empty if the study measures none."""
        config = self._config
        return config.drift.model_dump(mode="json") | {"tasks": sorted(config.study.tasks)} if config.drift else {}

    @cached_property
    def learnt(self) -> dict[str, Any]:
        """Which rows the study's runs, and the runs behind them, learn from, and which rows its tasks ask."""
        runs = {name: self._config.runs[name] for name in self._config.list_behind(self.whole["study"]["runs"])}
        part = self.pick([], task_fields=["dataset"])
        learnt = {name: _pick(run.model_dump(mode="json"), ["method", "dataset"]) for name, run in runs.items()}
        return part | {"study": part["study"] | {"runs": list(runs)}, "runs": learnt}

    @cached_property
    def compared(self) -> dict[str, Any]:
        """What estimates and tests depend on: no labels and titles, and nothing of how an answer was made."""
        part = self.pick(
            ["init_from", "teacher", "model", "dataset", "samples"],
            task_fields=["kind", "dataset", "sampling", "metrics", "untaught_rows"],
        )
        part["study"] |= _pick(self.whole["study"], ["smoke", "budget", "looks"])
        for name in Study(self.whole).list_runs(*REWARDED):  # of which the completions are counted
            part["runs"][name]["training"] = _pick(self.whole["runs"][name]["training"], COUNTED)
        drift = self._config.drift
        return part | {
            "models": {
                name: {key: model.get(key) for key in ("repo_id", "gguf")}
                for name, model in self.whole["models"].items()
            },
            "datasets": {
                name: {"prepare": {"format": data["prepare"]["format"]}, "fetch": {"source": data["fetch"]["source"]}}
                for name, data in self.whole["datasets"].items()
            },
            "drift": drift and {"texts": list(drift.texts)},
            "samples": self._drawings,
            "untouched": self._untouched,
            **{name: self.whole[name] for name in ("comparison", "noise")},
            "tuning": self.tuned,
            "trajectory": self.whole["trajectory"],
        }

    @cached_property
    def tuned(self) -> dict[str, Any] | None:
        """Which runs are tuned, with which seeds; the trials come as files."""
        tuning = self.whole["tuning"]
        return tuning and {"runs": dict.fromkeys(tuning["runs"]), "seeds": tuning["seeds"]}

    @cached_property
    def labels(self) -> dict[str, Any]:
        """The labels of runs and tasks, for tables and figures."""
        return self.pick(["label", "model"], task_fields=["label", "kind", "metrics"])

    @cached_property
    def titled_trajectory(self) -> dict[str, Any]:
        """The labels, and on which tasks runs are followed."""
        part = self.pick(["label", "dataset", "init_from", "model"], task_fields=["label", "kind", "dataset"])
        return part | {"trajectory": self.whole["trajectory"], "drift": self.compared["drift"]}

    @cached_property
    def titled_tuning(self) -> dict[str, Any]:
        """The labels, and which runs are tuned."""
        return self.labels | {"tuning": self.tuned}

    @cached_property
    def titled(self) -> dict[str, Any]:
        """The labels, and the language of titles."""
        return self.labels | {"study": self.labels["study"] | {"language": self.whole["study"]["language"]}}

    @cached_property
    def drawn_costs(self) -> dict[str, Any]:
        part = self.pick(["label", "init_from", "samples"], task_fields=["label", "kind"])
        return part | {"samples": self._drawings}

    @cached_property
    def _drawings(self) -> dict[str, Any]:
        """The seeds for which answers were drawn, and by which training, to find what that cost."""
        trained = self._config.trained
        return {
            name: {"seeds": entry["seeds"], "run": entry["run"] if entry["run"] in trained else None}
            for name, entry in self.whole["samples"].items()
        }

    @cached_property
    def _untouched(self) -> list[str]:
        """The teachers that are no runs but models as they were fetched."""
        named = {run.get("teacher") for run in self.whole["runs"].values()}
        return sorted(named & set(self._config.models))

    @cached_property
    def drawn_forgetting(self) -> dict[str, Any]:
        part = self.pick(["label", "init_from", "model"], task_fields=["label", "kind"])
        return part | {"drift": self.compared["drift"]}

    @cached_property
    def drawn_curves(self) -> dict[str, Any]:
        return self.pick(["label", "dataset"], methods=["sft"])

    @cached_property
    def drawn_rewards(self) -> dict[str, Any]:
        return self.pick(["label", "rewards"], methods=REWARDED)

    @cached_property
    def drawn_signals(self) -> dict[str, Any]:
        return self.pick(["label"], methods=SIGNALLING)

    def pick(
        self, run_fields: list[str], methods: Iterable[str] | None = None, task_fields: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Pick fields of runs (of some methods only) and of tasks; every run's method is kept."""
        study = ["results", "runs", "seeds", "run_seeds", *(["tasks"] if task_fields else [])]
        return {
            "study": _pick(self.whole["study"], study),
            "runs": {
                name: _pick(run, ["method", *(run_fields if methods is None or run["method"] in methods else [])])
                for name, run in self.whole["runs"].items()
            },
            "tasks": {name: _pick(task, task_fields) for name, task in self.whole["tasks"].items() if task_fields},
        }


def _pick(entry: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    return {field: entry[field] for field in fields if field in entry}


class Slices(StudySlices):
    """The slices of one config, by the kind of stage."""

    def run(self, run: str) -> dict[str, Any]:
        """Return a run's section without its label, and without what comes as files: chosen rows and settings."""
        section = by_content(self._config.runs[run], {"label", "samples"} | CHOICE)
        for field in self._config.tuning.runs[run] if run in self._config.selections else ():
            part, _, name = field.partition(".")
            section[part] = {key: value for key, value in section[part].items() if key != name}
        return section

    def tuning(self, run: str) -> dict[str, Any]:
        """Return what decides which of a run's trials is chosen, as a study of the trials."""
        config, task = self._config, self._config.selections[run]
        trials = {name: trial for name, trial in config.trials.items() if trial.run == run}
        spec = config.runs[run].model_dump(mode="json")
        return {
            "study": {
                "results": config.study.results,
                "runs": list(trials),
                "seeds": list(config.tuning.seeds),
                "tasks": [task],
            },
            "runs": {name: {"method": spec["method"], "settings": trial.settings} for name, trial in trials.items()},
            "tasks": {task: self.task(task, {"kind", "dataset", "sampling", "untaught_rows"})},
            "tuned": {
                "run": run,
                "own": find_own(spec, config.tuning.runs[run]),
                "metric": find_selecting(config, run),
                "rows": "selection" if spec["dataset"] in config.divided else "validation",
            },
        }

    def carded(self, run: str) -> dict[str, Any]:
        """Return the part of a run's section that its model card shows."""
        return self._config.runs[run].model_dump(mode="json", exclude={"label"})

    def choice(self, run: str) -> dict[str, Any]:
        """Return what decides which drawn answers a run learns from."""
        return self._config.runs[run].model_dump(mode="json", include=CHOICE)

    def drawn(self, samples: str) -> dict[str, Any]:
        """Return what decides which answers are drawn; weights and questions come as files."""
        return by_content(self._config.samples[samples], {"run", "dataset"})

    def fetched_model(self, model: str) -> dict[str, Any]:
        """Return what decides which model is fetched."""
        return describe_source(self._config.models[model])

    def chat(self, model: str) -> dict[str, Any]:
        """Return what decides the chat template of a model."""
        return self._config.models[model].model_dump(mode="json", include=CHAT_FIELDS)

    def sent(self, model: str) -> dict[str, Any]:
        """Return what decides how long the rows are that the study gives a model."""
        config = self._config
        runs = {name: config.runs[name] for name in config.study.runs if config.runs[name].model == model}
        virtual = {name: (config.find_adapter(name) or {}).get("num_virtual_tokens", 0) for name in _trained(runs)}
        part = {
            "runs": {
                name: {
                    "dataset": run.dataset,
                    "max_length": run.training.get("max_length", 1024),
                    "completion": self._longest_drawn(run),
                    **({"rejected": True} if run.method in PREFERENCES and run.samples is None else {}),
                    "virtual": virtual[name],
                }
                for name, run in _trained(runs).items()
            },
            "tasks": {
                name: {
                    "dataset": config.tasks[name].dataset,
                    "max_new_tokens": config.tasks[name].generation.max_new_tokens,
                    "virtual": max(virtual.values(), default=0),
                }
                for name in (config.study.tasks if runs else ())
            },
        }
        sections = [*part["runs"].values(), *part["tasks"].values()]
        compared = len(config.study.runs) > 1
        return part | {"datasets": sorted({section["dataset"] for section in sections}), "compared": compared}

    def _longest_drawn(self, run: Any) -> int | None:
        """Return the largest number of tokens of an answer that a run draws, or that was drawn for it."""
        if getattr(run, "samples", None):
            return self._config.samples[run.samples].max_new_tokens
        if run.method not in DRAWING:
            return None
        default = load_arguments()[METHODS[run.method].config]["max_completion_length"]["default"]
        return run.training.get("max_completion_length", default)

    def task(self, task: str, include: Any, exclude: Any = None) -> dict[str, Any]:
        """Return fields of a task, chosen as pydantic chooses them."""
        return self._config.tasks[task].model_dump(mode="json", include=include, exclude=exclude)

    def scoring(self, task: str) -> dict[str, Any]:
        """Return what decides how a task's answers are scored; the user's functions by the hashes of their files."""
        parts = list_judges(self._config, task).items()
        return self.task(task, {"kind"}) | {kind: hash_functions(part) for kind, part in parts if part}

    def repeated_task(self, repeat: str, task: str) -> TaskSpec:
        """Return the task of a repeated evaluation: unchanged, or with another batch size."""
        spec, size = self._config.tasks[task], self._config.noise.batch_size
        if repeat == "again":
            return spec
        generation = spec.generation.model_copy(update={"batch_size": size})
        return spec.model_copy(update={"generation": generation, "loss_batch_size": size})


def _trained(runs: dict[str, Any]) -> dict[str, Any]:
    return {name: run for name, run in runs.items() if run.method != "base"}
