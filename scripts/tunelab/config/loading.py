"""The whole config: validated once, with every problem reported in one go, then frozen.

Sections live in `specs`; `reader` judges each value, `crosschecks` what needs several of them.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from tunelab.config.crosschecks import list_problems
from tunelab.config.documents import list_misread, list_repeated_keys, parse_document
from tunelab.config.drafts import Draft, Problem, find_file, render_problems
from tunelab.config.evaluation_checks import fill_datasets
from tunelab.config.functions import place_functions
from tunelab.config.hints import add_hints
from tunelab.config.likeness import check_likeness, drop_taken_over, list_unfilled
from tunelab.config.reader import Reader
from tunelab.config.specs.base import Name, Spec
from tunelab.config.specs.data import DatasetSpec
from tunelab.config.specs.evaluation import DriftSpec, NoiseSpec, TaskSpec
from tunelab.config.specs.samples import SamplesSpec
from tunelab.config.specs.sources import HubSettings, ModelSpec
from tunelab.config.specs.study import ComparisonSpec, StudySpec
from tunelab.config.specs.training import CheckpointSettings, RunSpec
from tunelab.config.study import list_seeds
from tunelab.errors import UserError

GIVEN = Path("--config")  # where a value is from that stands in no file

# what makes libraries run foreign code; refused wherever it stands
UNSAFE = {
    "trust_remote_code": "code from repositories is never run",
    **dict.fromkeys(
        ("use_safetensors", "weights_only", "allow_pickle"),
        "pickled files can run code when they are opened; weights are read from safetensors and GGUF files only",
    ),
}


class Config(Spec):
    """Definitions are mappings (overlays merge them), selections are lists (overlays replace them)."""

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
    comparison: ComparisonSpec

    @cached_property
    def trained(self) -> list[str]:
        """Every defined run but the untouched models."""
        return [name for name, run in self.runs.items() if run.method != "base"]

    @cached_property
    def learners(self) -> list[str]:
        """Every defined run that learns from drawn answers."""
        return [name for name, run in self.runs.items() if getattr(run, "samples", None)]

    @cached_property
    def repeated_arm(self) -> tuple[str, int]:
        """Run and seed that the noise section has evaluated again."""
        return self.noise.run, self.list_seeds(self.noise.run)[0]

    def list_trained(self, *methods: str, adapter: bool) -> list[str]:
        """List the defined runs of some methods whose artefact is an adapter, or else a whole model."""
        return [run for run in self.trained if self.runs[run].method in methods and self.keeps_adapter(run) == adapter]

    def find_drawn_seed(self, samples: str, seed: int) -> int:
        """Return the seed of the arm whose answers a run of this seed learns from."""
        return list_seeds(self.runs[self.samples[samples].run].method, [int(seed)])[0]

    def list_seeds(self, run: str) -> tuple[int, ...]:
        return tuple(list_seeds(self.runs[run].method, self.study.seeds))

    def keeps_adapter(self, run: str) -> bool:
        """Tell whether a trained run's artefact is an adapter; otherwise it is a whole model."""
        spec = self.runs[run]
        return self.keeps_adapter(spec.init_from) if getattr(spec, "init_from", None) else spec.adapter is not None

    def find_adapter(self, run: str) -> dict[str, Any] | None:
        """Return the PEFT fields of the adapter that the run trains, its own or the one that it starts from."""
        spec = self.runs[run]
        return self.find_adapter(spec.init_from) if getattr(spec, "init_from", None) else spec.adapter

    def find_teacher(self, run: str) -> tuple[str | None, str]:
        """Return the run that teaches a run, None if an untouched model does, and the model that this is."""
        name = self.runs[run].teacher
        return (name, self.runs[name].model) if name in self.runs else (None, name)

    def with_places(self, results: str, find_text: Callable[[str], str]) -> "Config":
        """Return the same config with its results in another folder, and its texts and functions where they are."""
        drift = self.drift
        if drift:
            drift = drift.model_copy(update={"texts": tuple(map(find_text, drift.texts))})
        placed = place_functions({"runs": self.runs, "samples": self.samples, "tasks": self.tasks}, find_text)
        return self.model_copy(
            update={"study": self.study.model_copy(update={"results": results}), "drift": drift, **placed},
        )

    def _describe_samples(self, name: str) -> dict[str, Any]:
        seeds = dict.fromkeys(self.find_drawn_seed(name, seed) for seed in self.study.seeds)
        return self.samples[name].model_dump(mode="json") | {"seeds": list(seeds)}

    def describe_study(self) -> dict[str, Any]:
        """Return the selected entries as plain values, for the stages that describe the study."""
        runs = {name: self.runs[name] for name in self.study.runs}
        drawn = sorted({run.samples for run in runs.values() if getattr(run, "samples", None)})
        tasks = {name: self.tasks[name] for name in self.study.tasks}
        models = sorted({run.model for run in runs.values()})
        datasets = sorted(
            {task.dataset for task in tasks.values()} | {r.dataset for r in runs.values() if r.method != "base"}
        )
        return {
            "study": self.study.model_dump(mode="json"),
            "models": {name: self.models[name].model_dump(mode="json") for name in models},
            "datasets": {name: self.datasets[name].model_dump(mode="json") for name in datasets},
            "samples": {name: self._describe_samples(name) for name in drawn},
            "runs": {name: run.model_dump(mode="json") for name, run in runs.items()},
            "tasks": {name: task.model_dump(mode="json") for name, task in tasks.items()},
            **{
                name: section and section.model_dump(mode="json")
                for name, section in (("comparison", self.comparison), ("noise", self.noise), ("drift", self.drift))
            },
        }


def load_config(
    raw: dict[str, Any],
    source: str,
    files: Iterable[Path] = (),
    typed: dict[str, Any] | None = None,
    given: dict[str, Any] | None = None,
) -> Config:
    """Validate the settled config.

    files: what it was merged from, the default config first, to find keys that stand there twice and numbers that YAML
    reads as others, and to tell which of several overlays is wrong.
    typed: the merged config before it was settled, so that what an entry took over from another one is told once.
    given: what the command line says (`--config`), merged last.

    Raises:
        UserError: with one line per problem: the key's path, what is wrong, and the value.
    """
    files = list(files)
    wrong_in_file = [line for file in files for line in (*list_repeated_keys(file), *list_misread(file))]
    found, safe, draft = judge(raw)
    problems = add_hints(drop_taken_over(found, typed or raw), raw)
    if wrong_in_file or problems:
        documents = {file: parse_document(file.read_text(encoding="utf-8")) for file in files}
        ours = [one for one in problems if given and find_file(one.path, documents | {GIVEN: given}) == GIVEN]
        others = [problem for problem in problems if problem not in ours]
        lines = [*wrong_in_file, *render_problems(others, raw, documents if len(files) > 2 else {})]
        parts = ((source, lines), (GIVEN, render_problems(ours, raw)))
        told = ["\n  ".join([f"{name} is not valid:", *found]) for name, found in parts if found]
        raise UserError("\n".join(told))
    config = Config.model_validate(safe)
    runs = {name: run.model_copy(update=_list_coerced(draft.runs[name])) for name, run in config.runs.items()}
    return config.model_copy(update={"runs": runs})


def judge(raw: dict[str, Any]) -> tuple[list[Problem], dict[str, Any], Draft]:
    """Return all problems of the merged config, itself without unsafe switches, and what is right of it."""
    problems: list[Problem] = []
    safe = fill_datasets(_take_out_unsafe(raw, (), problems))
    reader = Reader(list_unfilled(raw))
    draft = reader.read(Config, safe)
    return [*problems, *check_likeness(raw), *reader.problems, *list_problems(draft)], safe, draft


def _take_out_unsafe(node: Any, path: tuple, problems: list[Problem]) -> Any:
    """Return a copy without unsafe switches, and note each as a problem."""
    if isinstance(node, list):
        return [_take_out_unsafe(item, (*path, index), problems) for index, item in enumerate(node)]
    if not isinstance(node, dict):
        return node
    problems += [Problem((*path, key), f"is refused: {UNSAFE[key]}") for key in node if key in UNSAFE]
    return {key: _take_out_unsafe(item, (*path, key), problems) for key, item in node.items() if key not in UNSAFE}


def _list_coerced(run: Draft) -> dict[str, dict]:
    """Return a run's fields of the libraries with their numbers as the libraries have them."""
    sections = {name: run.get(name) for name in ("training", "adapter", "quantization")}
    return {name: section.right for name, section in sections.items() if section is not None}
