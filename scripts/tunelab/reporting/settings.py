"""List the runs' settings side by side, as the config has them, without those that cannot change a weight."""

from collections.abc import Callable, Iterator
from typing import Any

import yaml

from tunelab.config.study import Study, has_unused_epochs, read_contrast

# Where and how often something is written or printed; everything else is shown, so nothing that matters can be missed.
BOOKKEEPING = {
    "logging_steps",
    "logging_strategy",
    "logging_first_step",
    "report_to",
    "disable_tqdm",
    "log_completions",
    "save_steps",
    "save_strategy",
    "save_total_limit",
    "save_only_model",
    "per_device_eval_batch_size",
    "dataloader_num_workers",
    "dataloader_pin_memory",
}
FIELDS = ("method", "model", "dataset", "init_from", "teacher")
SECTIONS = ("adapter", "quantization", "training", "launch", "rewards", "select", "pairs")
CHOOSING = {"select", "pairs"}  # among drawn answers
DRAWN_ONLY = {*CHOOSING, "labels"}  # fields that a config refuses where nothing is drawn
FACTS = (
    "steps",
    "epochs",
    "tokens",
    "best_step",
    "trainable_parameters",
    "desirable_weight",
    "undesirable_weight",
    "micro_batch",
)


def build_settings(study: Study, trainings: dict) -> dict[str, list[dict]]:
    """Build sections of rows (name, one cell per run); a cell is None where the run's config has no such setting.

    Rows in which trained runs differ are parted from those that all of them share.
    """
    sections = _build_sections(study, trainings)
    places = [place for place, run in enumerate(study.runs) if run in study.list_trained()]
    return {
        "differing": _select_rows(sections, lambda cells: len({cells[place] for place in places}) > 1),
        "shared": _select_rows(sections, lambda cells: len({cells[place] for place in places}) <= 1),
    }


def _select_rows(sections: list[dict], wanted: Callable[[list], bool]) -> list[dict]:
    chosen = [section | {"rows": [row for row in section["rows"] if wanted(row["cells"])]} for section in sections]
    return [section for section in chosen if section["rows"]]


def _build_sections(study: Study, trainings: dict) -> list[dict]:
    columns = [dict(_list_settings(study, run, trainings)) for run in study.runs]
    names = list(dict.fromkeys(name for column in columns for name in column))
    titles = ("run", *SECTIONS, "as it ran")
    return [
        {
            "title": title,
            "rows": [
                {"name": name, "cells": [column.get((section, name)) for column in columns]}
                for section, name in names
                if section == title
            ],
        }
        for title in titles
        if any(section == title for section, _ in names)
    ]


def write_config(study: Study) -> str:
    """Write the study as a config from which it can be run again (YAML), an overlay on the default one."""
    spec = study.spec
    runs = {
        name: {field: value for field, value in run.items() if run.get("samples") or field not in DRAWN_ONLY}
        for name, run in spec["runs"].items()
    }
    samples = {
        name: {field: value for field, value in entry.items() if field != "seeds"}  # which follow from the runs
        for name, entry in spec["samples"].items()
    }
    pairs = [pair for pair in spec["comparison"]["contrasts"] if set(read_contrast(pair)[0]) <= set(study.runs)]
    typed = spec | {"runs": runs, "samples": samples, "comparison": spec["comparison"] | {"contrasts": pairs}}
    return yaml.safe_dump(typed, sort_keys=False, allow_unicode=True, width=100)


def list_unused_epochs(study: Study) -> list[str]:
    """List the runs whose number of epochs is not used, since their number of steps goes before it."""
    return [run for run in study.list_trained() if has_unused_epochs(study.run(run)["training"])]


def _list_settings(study: Study, run: str, trainings: dict) -> Iterator[tuple[tuple[str, str], str]]:
    spec = study.run(run)
    chosen = bool(spec.get("samples"))
    for name in (*FIELDS, *(("samples", "labels") if chosen else ())):
        if spec.get(name) is not None:
            yield ("run", name), spec[name]
    for section in SECTIONS if chosen else [name for name in SECTIONS if name not in CHOOSING]:
        for name, value in flatten(spec.get(section) or {}):
            if name not in BOOKKEEPING:
                yield (section, name), render_setting(value)
    if run in trainings:
        for name in FACTS:
            if trainings[run].get(name) is not None:
                yield ("as it ran", name), render_setting(trainings[run][name])


def flatten(values: dict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of every leaf, the names of nested ones joined by points."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def render_setting(value: Any) -> str:
    """Write a setting as one would type it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return ", ".join(render_setting(item) for item in value)
    if isinstance(value, int) and value >= 10_000:
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
