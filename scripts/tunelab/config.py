"""The whole config: validated once, with every problem reported in one go, then frozen.

Sections live in `tunelab.specs`; what needs more than one section to judge lives in `tunelab.crosschecks`.
"""

from functools import cached_property
from typing import Any

from pydantic import Field, ValidationError

from tunelab import specs
from tunelab.arguments import suggest
from tunelab.crosschecks import coerce_arguments, list_problems
from tunelab.errors import UserError


class Config(specs.Spec):
    """Definitions are mappings (overlays merge them), selections are lists (overlays replace them)."""

    study: specs.StudySpec
    hub: specs.HubSettings = specs.HubSettings()
    checkpoints: specs.CheckpointSettings = specs.CheckpointSettings()
    models: dict[specs.Name, specs.ModelSpec] = Field(min_length=1)
    datasets: dict[specs.Name, specs.DatasetSpec] = Field(min_length=1)
    runs: dict[specs.Name, specs.RunSpec] = Field(min_length=1)
    tasks: dict[specs.Name, specs.TaskSpec] = Field(min_length=1)

    @cached_property
    def arms(self) -> tuple[tuple[str, int], ...]:
        """(run, seed) pairs of the study; an untrained run has the one seed 0."""
        return tuple((run, seed) for run in self.study.runs for seed in self.list_seeds(run))

    def list_seeds(self, run: str) -> tuple[int, ...]:
        return (0,) if self.runs[run].method == "base" else self.study.seeds

    def keeps_adapter(self, run: str) -> bool:
        """Tell whether a trained run's artefact is an adapter; otherwise it is a whole model."""
        spec = self.runs[run]
        return self.keeps_adapter(spec.init_from) if getattr(spec, "init_from", None) else spec.adapter is not None

    def find_adapter(self, run: str) -> dict[str, Any] | None:
        """Return the PEFT fields of the adapter that the run trains, its own or the one that it starts from."""
        spec = self.runs[run]
        return self.find_adapter(spec.init_from) if getattr(spec, "init_from", None) else spec.adapter

    def describe_study(self) -> dict[str, Any]:
        """Return the selected entries as plain values, for the stages that describe the study."""
        runs = {name: self.runs[name] for name in self.study.runs}
        tasks = {name: self.tasks[name] for name in self.study.tasks}
        models = sorted({run.model for run in runs.values()})
        datasets = sorted(
            {task.dataset for task in tasks.values()} | {r.dataset for r in runs.values() if r.method != "base"}
        )
        return {
            "study": self.study.model_dump(mode="json"),
            "models": {name: self.models[name].model_dump(mode="json") for name in models},
            "datasets": {name: self.datasets[name].model_dump(mode="json") for name in datasets},
            "runs": {name: run.model_dump(mode="json") for name, run in runs.items()},
            "tasks": {name: task.model_dump(mode="json") for name, task in tasks.items()},
        }


def load_config(raw: dict[str, Any], source: str) -> Config:
    """Validate the merged config.

    Raises:
        UserError: with one line per problem: the key's path, what is wrong, and the value.
    """
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        problems = [_describe_error(item, raw) for item in error.errors()]
    else:
        problems = list_problems(config)
        if not problems:
            config, problems = coerce_arguments(config)
    if problems:
        raise UserError(f"{source} is not valid:\n" + "\n".join(f"  {line}" for line in problems))
    return config


def _describe_error(error: dict, raw: dict) -> str:
    """Render one pydantic error as `path: problem (got value)`, with the path as it stands in the YAML."""
    path, node = [], raw
    for key in error["loc"]:
        is_tag = key in _TAGS and not (isinstance(node, dict) and key in node)
        if not is_tag and key != "[key]":
            path.append(str(key))
            node = node.get(key) if isinstance(node, dict) else node[key] if _has_index(node, key) else None
    where = ".".join(path) or "(top level)"
    if error["type"] == "extra_forbidden":
        # a name that is right elsewhere is no suggestion here
        return f"{where}: unknown key{suggest(path[-1], [name for name in _FIELDS if name != path[-1]])}"
    if error["type"] == "union_tag_not_found":
        return f"{where}.{_name_tag(error)}: is required"
    if error["type"] == "union_tag_invalid":
        tags = error["ctx"]["expected_tags"].replace("'", "")
        guess = suggest(error["ctx"]["tag"], tags.split(", "))
        return f"{where}.{_name_tag(error)}: must be one of {tags}{guess} (got {error['ctx']['tag']!r})"
    if error["type"] == "missing":
        return f"{where}: is required"
    return f"{where}: {error['msg']} (got {error['input']!r})"


def _name_tag(error: dict) -> str:
    return error["ctx"]["discriminator"].strip("'")


def _has_index(node: Any, key: Any) -> bool:
    return isinstance(node, list | tuple) and isinstance(key, int) and key < len(node)


_SECTIONS = [value for value in vars(specs).values() if isinstance(value, type) and issubclass(value, specs.Spec)]
_FIELDS = sorted({field for section in (*_SECTIONS, Config) for field in section.model_fields})
_TAGS = {"pypi", "hub", "local", "random", "generated", "base", "sft", "grpo", "constrained-float", "constrained-int"}
