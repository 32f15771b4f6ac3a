"""Load the complete config: validate it once, report all problems together, and freeze it.

Sections are defined in `specs`; `reader` checks single values, `crosschecks` what needs several of them.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

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
from tunelab.config.study import Study, list_seeds
from tunelab.errors import UserError

GIVEN = Path("--config")  # where a value is from that is in no file
# switches by which libraries run foreign code, refused wherever they are
UNSAFE = {
    "trust_remote_code": "code from repositories is never run",
    **dict.fromkeys(
        ("use_safetensors", "weights_only", "allow_pickle"),
        "pickled files can run code when they are opened; weights are read from safetensors and GGUF files only",
    ),
}


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
    comparison: ComparisonSpec
    _seeds: Mapping[str, tuple[int, ...]] | None = PrivateAttr(None)

    @cached_property
    def trained(self) -> list[str]:
        """All defined runs except untouched models."""
        return [name for name, run in self.runs.items() if run.method != "base"]

    @cached_property
    def learners(self) -> list[str]:
        """All defined runs that learn from drawn answers."""
        return [name for name, run in self.runs.items() if getattr(run, "samples", None)]

    @cached_property
    def repeated_arm(self) -> tuple[str, int]:
        """The run and seed that `noise` evaluates again."""
        return self.noise.run, self.list_seeds(self.noise.run)[0]

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
    """Validate a merged and settled config.

    Args:
        source: names the config, for messages.
        files: what it was merged from, the default config first; in these, repeated keys and misread numbers are
            found, and messages name the overlay that is wrong if there are several.
        typed: the merged config before it was settled, so that problems of fields that an entry took over from another
            one are reported once.
        given: what `--config` says, which is merged last.

    Raises:
        UserError: with one line per problem: the key's path, what is wrong, and the value.
    """
    files = list(files)
    wrong_in_file = [line for file in files for line in (*list_repeated_keys(file), *list_misread(file))]
    found, safe, draft = check_config(raw)
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


def check_config(raw: dict[str, Any]) -> tuple[list[Problem], dict[str, Any], Draft]:
    """Return all problems of a config, the config without unsafe switches, and the draft of its correct values."""
    problems: list[Problem] = []
    safe = fill_datasets(_take_out_unsafe(raw, (), problems))
    reader = Reader(list_unfilled(raw))
    draft = reader.read(Config, safe)
    return [*problems, *check_likeness(raw), *reader.problems, *list_problems(draft)], safe, draft


def _take_out_unsafe(node: Any, path: tuple, problems: list[Problem]) -> Any:
    """Return a copy without unsafe switches, and add a problem for each."""
    if isinstance(node, list):
        return [_take_out_unsafe(item, (*path, index), problems) for index, item in enumerate(node)]
    if not isinstance(node, dict):
        return node
    problems += [Problem((*path, key), f"is refused: {UNSAFE[key]}") for key in node if key in UNSAFE]
    return {key: _take_out_unsafe(item, (*path, key), problems) for key, item in node.items() if key not in UNSAFE}


def _list_coerced(run: Draft) -> dict[str, dict]:
    """Return the libraries' fields of a run with numbers coerced."""
    sections = {name: run.get(name) for name in ("training", "adapter", "quantization")}
    return {name: section.right for name, section in sections.items() if section is not None}
