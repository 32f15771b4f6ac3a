"""What of the config each stage depends on, so that an edit re-runs what it changes and nothing else.

A slice is plain values: the very part that becomes the stage's facts is what its script is given.
"""

from typing import Any

from tunelab.config.arguments import load_arguments
from tunelab.config.methods import DRAWING, METHODS, PREFERENCES
from tunelab.config.specs.evaluation import TaskSpec
from tunelab.config.specs.sources import CHAT_FIELDS, describe_source
from tunelab.config.specs.training import CHOICE
from tunelab.jobs.functions import by_content, hash_functions, list_judges
from tunelab.jobs.study_slices import StudySlices


class Slices(StudySlices):
    """Every slice of one config, by the kind of stage that it is for."""

    def run(self, run: str) -> dict[str, Any]:
        """Return a run's section without its display name and the choice of its rows, which comes as a file."""
        return by_content(self._config.runs[run], {"label", "samples"} | CHOICE)

    def carded(self, run: str) -> dict[str, Any]:
        """Return a run's section as its model card shows it."""
        return self._config.runs[run].model_dump(mode="json", exclude={"label"})

    def choice(self, run: str) -> dict[str, Any]:
        """Return what decides which drawn answers a run learns from."""
        return self._config.runs[run].model_dump(mode="json", include=CHOICE)

    def drawn(self, samples: str) -> dict[str, Any]:
        """Return what decides which answers are drawn; the weights and questions come as files."""
        return by_content(self._config.samples[samples], {"run", "dataset"})

    def fetched_model(self, model: str) -> dict[str, Any]:
        """Return what decides which model it is."""
        return describe_source(self._config.models[model])

    def chat(self, model: str) -> dict[str, Any]:
        """Return what decides how it is talked to."""
        return self._config.models[model].model_dump(mode="json", include=CHAT_FIELDS)

    def sent(self, model: str) -> dict[str, Any]:
        """Return what the study sends a model, as far as its lengths are concerned."""
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
        """Return how many tokens the answers have at most that a run draws, or that were drawn for it."""
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
        """Return what decides how a task's answers are judged; functions of the user's by what is in their files."""
        parts = list_judges(self._config, task).items()
        return self.task(task, {"kind"}) | {kind: hash_functions(part) for kind, part in parts if part}

    def repeated_task(self, repeat: str, task: str) -> TaskSpec:
        """Return the task as a repeat has it answered and measured: as it is, or in batches of another size."""
        spec, size = self._config.tasks[task], self._config.noise.batch_size
        if repeat == "again":
            return spec
        generation = spec.generation.model_copy(update={"batch_size": size})
        return spec.model_copy(update={"generation": generation, "loss_batch_size": size})


def _trained(runs: dict[str, Any]) -> dict[str, Any]:
    return {name: run for name, run in runs.items() if run.method != "base"}
