"""A study with its artefacts, for all that compares, draws and reports them; and the local files it is made from."""

import os
from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.config import models
from tunelab.config.chosen_settings import merge_settings
from tunelab.config.specs.sources import ChatSettings, DatasetSource, ModelSpec
from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.layout import Layout


def list_local_files(spec: ModelSpec | DatasetSource) -> list[str]:
    """List the user's own files behind a model or data set, so that an edit of one is seen.

    Missing ones are left for the fetching stage, which explains what it looked for.
    """
    if spec.source != "local":
        return []
    named = [Path(spec.path)] if hasattr(spec, "path") else map(Path, spec.files + spec.test_files)
    files = [file for place in named for file in (sorted(place.glob("*")) if os.path.isdir(place) else [place])]
    return [str(file) for file in files if os.path.isfile(file)]


def list_template_files(spec: ChatSettings, folder: Path) -> list[str]:
    """List the file of a model's chat template, if it is the user's or this project's (below `folder`)."""
    named = spec.chat_template
    if named is None or named in models.TRL:
        return []
    file = Path(named) if models.is_file(named) else folder / f"{named}.jinja"
    return [str(file)] if file.is_file() else []  # the stage reports a missing one


class StudyFolder(Study, Layout):
    """A study with the folder of its artefacts, which comparison, figures and page ask for their files."""

    def __init__(self, results: str | Path, spec: dict) -> None:
        Study.__init__(self, spec)
        Layout.__init__(self, results)
        self._chosen: dict[str, dict] = {}

    def run(self, run: str) -> dict:
        """Return a run's entry, a tuned one with the settings that were chosen for it."""
        entry = super().run(run)
        if run not in ((self.spec.get("tuning") or {}).get("runs") or {}):
            return entry
        if run not in self._chosen:
            self._chosen[run] = self.load(self.tuning_file(run, "settings.json"))
        return merge_settings(entry, self._chosen[run])

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
