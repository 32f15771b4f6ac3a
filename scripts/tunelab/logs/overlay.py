"""Read the overlay of a comparison of logs: title, language, labels, contrasts and margins, and nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveFloat

from tunelab.config.documents import list_misread, list_repeated_keys, merge, read_document
from tunelab.config.drafts import render_problems
from tunelab.config.metrics import LOGGED
from tunelab.config.reader import Reader
from tunelab.config.specs.base import Label, Spec
from tunelab.config.wording import refuse_name
from tunelab.errors import UserError
from tunelab.values import list_names


class Named(Spec):
    """What the page calls an arm or a task."""

    label: Label


class StudyOverlay(Spec):
    """Sections of `study` that a comparison of logs has."""

    title: Label | None = None
    language: Literal["en", "zh"] = "en"


class ComparisonOverlay(Spec):
    """Which arms are compared, and how large a difference must be to matter."""

    contrasts: tuple[tuple[str, ...], ...] | None = Field(None, description="Pairs [arm, against].")
    margins: dict[str, PositiveFloat] = Field(default_factory=dict)


class Overlay(Spec):
    """The overlay; arms and tasks by the names of their folders, or arms as they were typed."""

    study: StudyOverlay = StudyOverlay()
    comparison: ComparisonOverlay = ComparisonOverlay()
    runs: dict[str, Named] = Field(default_factory=dict)
    tasks: dict[str, Named] = Field(default_factory=dict)

    def apply(self, spec: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
        """Return the study's config with what the overlay says; `names` are the folders of the arms.

        Raises:
            UserError: for an arm, a task or a metric that is not there.
        """
        runs = dict(zip(spec["runs"], spec["runs"], strict=True)) | dict(names)
        for run, entry in self.runs.items():
            spec["runs"][_find("runs", run, runs)]["label"] = entry.label
        for task, entry in self.tasks.items():
            spec["tasks"][_find("tasks", task, {name: name for name in spec["tasks"]})]["label"] = entry.label
        for metric, margin in self.comparison.margins.items():
            metrics = {name: name for name in LOGGED.values()}
            spec["comparison"]["margins"][_find("comparison.margins", metric, metrics)] = margin
        if self.comparison.contrasts is not None:
            pairs = [[_find("comparison.contrasts", name, runs) for name in pair] for pair in self.comparison.contrasts]
            if wrong := next((pair for pair in pairs if len(set(pair)) != 2 or len(pair) != 2), None):
                raise UserError(f"comparison.contrasts: {wrong} is no pair of two arms; write [arm, against].")
            spec["comparison"]["contrasts"] = pairs
        spec["study"] |= self.study.model_dump(exclude_none=True)
        return spec


def read_overlay(files: Sequence[Path]) -> Overlay:
    """Read overlays, each merged over those before it.

    Raises:
        UserError: for a file that is no YAML mapping, or a key or value that a comparison of logs does not take.
    """
    merged: dict[str, Any] = {}
    for file in files:
        merged = merge(merged, read_document(file))
    wrong = [line for file in files for line in (*list_repeated_keys(file), *list_misread(file))]
    reader = Reader()
    reader.read(Overlay, merged)
    if wrong or reader.problems:
        told = "\n  ".join([*wrong, *render_problems(reader.problems, merged)])
        raise UserError(f"{list_names(files, quoted=False)} is not valid for a comparison of logs:\n  {told}")
    return Overlay.model_validate(merged)


def _find(place: str, name: str, known: Mapping[str, str]) -> str:
    if name not in known:
        raise UserError(f"{place}: {refuse_name('unknown name', name, known)}")
    return known[name]
