"""Where everything of a study lies, and which runs, seeds and tasks it is made of.

The one place outside the rules that knows the folder layout; comparison, figures and report ask it for their files.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.errors import UserError

# seaborn's "colorblind" palette, written out because the page needs the colours without loading a plotting library.
COLOURS = (
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc"),
    *("#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"),
)
BASE_SEED = 0  # the untouched model has no training, hence nothing to seed
REPEATS = ("again", "rebatched")  # the further evaluations of the run that `noise` names


def list_seeds(method, seeds):
    """List the seeds with which a run of `method` is there, of those that the study names."""
    return [BASE_SEED] if method == "base" else list(seeds)


class Study:
    """The selected part of the config (`spec`) together with the folder of its artefacts."""

    def __init__(self, results: str | Path, spec: dict) -> None:
        self.root = Path(results)
        self.spec = json.loads(json.dumps(spec))  # tuples become lists, as in every file written from it

    @cached_property
    def runs(self) -> list[str]:
        return self.spec["study"]["runs"]

    @cached_property
    def tasks(self) -> list[str]:
        return self.spec["study"]["tasks"]

    def run(self, run: str) -> dict:
        return self.spec["runs"][run]

    def task(self, task: str) -> dict:
        return self.spec["tasks"][task]

    def list_runs(self, *methods: str) -> list[str]:
        return [run for run in self.runs if self.run(run)["method"] in methods]

    def list_seeds(self, run: str) -> list[int]:
        return list_seeds(self.run(run)["method"], self.spec["study"]["seeds"])

    def list_pairs(self, *methods: str) -> list[tuple[str, int]]:
        """List (run, seed), in the study's order; without methods, of every run."""
        runs = self.list_runs(*methods) if methods else self.runs
        return [(run, seed) for run in runs for seed in self.list_seeds(run)]

    def list_texts(self) -> list[str]:
        """List the neutral texts, by the stems of their files."""
        drift = self.spec.get("drift")
        return [Path(text).stem for text in drift["texts"]] if drift else []

    def find_untouched(self, run: str) -> str | None:
        """Return the study's untouched run of the same model, or None."""
        same = [name for name in self.list_runs("base") if self.run(name)["model"] == self.run(run)["model"]]
        return same[0] if same else None

    def list_token_pairs(self) -> list[tuple[str, str]]:
        """List the (data set, model) combinations that some run trains on or is evaluated on."""
        asked = [self.task(task)["dataset"] for task in self.tasks]
        runs = [self.run(run) for run in self.runs]
        pairs = [(dataset, run["model"]) for run in runs for dataset in [*asked, run.get("dataset")] if dataset]
        return list(dict.fromkeys(pairs))

    def colour(self, run: str) -> str:
        return COLOURS[self.runs.index(run) % len(COLOURS)]

    # --- files --------------------------------------------------------------------------------------------------------

    def model_file(self, model: str, name: str) -> Path:
        return self.root / "models" / model / name

    def dataset_file(self, dataset: str, name: str) -> Path:
        return self.root / "datasets" / dataset / name

    def run_file(self, run: str, seed: int, name: str) -> Path:
        return self.root / "runs" / run / f"seed{seed}" / name

    def task_file(self, run: str, seed: int, task: str, name: str) -> Path:
        return self.run_file(run, seed, task) / name

    def noise_file(self, repeat: str, task: str, name: str) -> Path:
        return self.root / "noise" / repeat / task / name

    @cached_property
    def results_file(self) -> Path:
        return self.root / "results.json"

    def find(self, path: Path) -> Path:
        """Return `path`, or say which artefact is missing."""
        if not path.exists():
            raise UserError(
                f"{self.name(path)} is missing. Run `snakemake --cores all {self.name(path)}` to make it, "
                f"or take its run, task or data set out of the study."
            )
        return path

    def load(self, path: Path) -> Any:
        """Read an artefact by its ending: JSON, or JSON Lines (`test_dataset.json` and its like are JSON Lines too)."""
        lines = path.suffix == ".jsonl" or path.name.endswith("_dataset.json")
        return (records.read_jsonl if lines else records.read_json)(self.find(path))

    def name(self, path: Path) -> str:
        """Return the path as people type it at the project's root."""
        return f"{self.spec['study']['results']}/{path.relative_to(self.root).as_posix()}"
