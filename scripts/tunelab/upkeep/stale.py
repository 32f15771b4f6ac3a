"""Find what no config refers to any more: in `results/`, among kept results, and among downloads.

Unfinished work (checkpoints of a killed training, an interrupted download) is left alone for `UNFINISHED_DAYS`, since
it may still be continued. Links are never followed.
"""

import itertools
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tunelab.config.complete import Config
from tunelab.config.study import REPEATS
from tunelab.jobs.keeping import KEPT
from tunelab.layout import FOLDERS, RECORD_NAMES, RECORDS
from tunelab.reporting.plots import FIGURES
from tunelab.upkeep.result_files import list_cards, list_studies, read_card

DOWNLOADS = Path("work/downloads")
UNFINISHED_DAYS = 14
# depth of folders named by the config: runs/<run>/<seed>/<task or artefact>, noise/<repeat>/<task>
LEVELS = {"models": 1, "datasets": 1, "samples": 2, "runs": 3, "noise": 2, "tuning": 1}


@dataclass(frozen=True)
class Stale:
    """Paths that go together, and why they are not needed."""

    paths: tuple[Path, ...]
    why: str


def list_stale(configs: list[Config]) -> list[Stale]:
    """List what none of the configs refers to."""
    wanted: dict[Path, set[str]] = {}
    for config in configs:
        wanted.setdefault(Path(config.study.results), set()).update(list_references(config))
    stale = list(_list_stale_studies(wanted))
    gone = [path for found in stale for path in found.paths]
    return [*stale, *_list_stale_kept(gone), *_list_stale_downloads(configs)]


def _list_stale_studies(wanted: dict[Path, set[str]]) -> Iterator[Stale]:
    whole: list[Path] = []
    for study in list_studies():
        if any(folder in study.parents for folder in whole):
            continue
        if study in wanted:
            yield from _list_stale_parts(study, wanted[study])
        elif any(study in other.parents for other in wanted):  # another study lies in its folder
            parts = (study / name for name in (*FOLDERS, "report.html", "bundle.zip"))
            yield Stale(tuple(path for path in parts if path.exists()), "part of a study that no config describes")
        else:
            whole.append(study)
            yield Stale((study,), "a study that no config describes")


def _list_stale_parts(study: Path, wanted: set[str]) -> Iterator[Stale]:
    """List the parts of a study whose names are not wanted."""
    for part, levels in LEVELS.items():
        for path in _list_unwanted(study / part, study, wanted, levels):
            yield Stale((path,), "no config refers to it")
    datasets = [path for path in _list_folders(study / "datasets") if f"datasets/{path.name}" in wanted]
    tokens = [path for folder in datasets for path in sorted(folder.glob("tokens_*.json"))]
    records = [
        path
        for part in RECORDS
        for stage in RECORD_NAMES
        for path in list_tree(study / part / stage)
        if path.relative_to(study / part).with_suffix("").as_posix() not in wanted
    ]
    left = [path for path in tokens if path.relative_to(study).as_posix() not in wanted] + records
    if left:
        yield Stale(tuple(left), "token counts, logs, benchmarks and cards of what no config refers to")


def _list_unwanted(folder: Path, study: Path, wanted: set[str], levels: int) -> Iterator[Path]:
    for path in _list_folders(folder):
        if path.relative_to(study).as_posix() not in wanted:
            yield path
        elif levels > 1:
            yield from _list_unwanted(path, study, wanted, levels - 1)


def _list_folders(folder: Path) -> list[Path]:
    """List the folders in a folder, links to folders included; none if it is a link itself."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]


def _list_stale_kept(gone: list[Path]) -> Iterator[Stale]:
    """List kept results that no remaining result shares, by its card or as a hard link."""
    cards = [path for study in list_studies() for path in list_cards(study)]
    left = [read_card(path) for path in cards if not any(path == other or other in path.parents for other in gone)]
    used = {f"{card['rule']}-{card['key']}" for card in left}
    going = count_links(gone)
    for entry in _list_folders(KEPT):
        outputs = count_links([entry / "outputs"])
        shared = any(
            state.st_nlink > outputs[state.st_dev, state.st_ino] + going[state.st_dev, state.st_ino]
            for state in (file.lstat() for file in list_tree(entry / "outputs"))
        )
        if entry.name not in used and not shared and not _is_fresh(list_tree(entry / "checkpoints")):
            yield Stale((entry,), "kept for when equal work is asked for; no result here is of it")


def _list_stale_downloads(configs: list[Config]) -> Iterator[Stale]:
    """List downloads of repositories that no config names, and downloads interrupted long ago."""
    sources = [spec for config in configs for spec in config.models.values()]
    sources += [spec.fetch for config in configs for spec in config.datasets.values()]
    names = {spec.repo_id.replace("/", "--") for spec in sources if spec.source == "hub"}
    unused = [
        place / "blobs"  # the record of the repository's revision stays
        for place in _list_folders(DOWNLOADS / "hub")
        if place.name.partition("--")[2] not in names and (place / "blobs").is_dir()
    ]
    for path in unused:
        yield Stale((path,), "downloaded from a repository that no config names")
    for path in list_tree(DOWNLOADS):
        if path.suffix == ".incomplete" and not _is_fresh([path]) and not set(unused) & set(path.parents):
            yield Stale((path,), f"a download broken off more than {UNFINISHED_DAYS} days ago")


def _is_fresh(files: Iterable[Path]) -> bool:
    since = time.time() - UNFINISHED_DAYS * 24 * 3600
    return any(file.lstat().st_mtime > since for file in files)


# What a config refers to in its study's folder.


def list_references(config: Config) -> set[str]:
    """List the folders, token counts and job records of everything a config defines, whether selected or not."""
    folders = {f"models/{model}" for model in config.models} | {f"datasets/{dataset}" for dataset in config.datasets}
    tokens = {f"datasets/{dataset}/tokens_{model}.json" for dataset in config.datasets for model in config.models}
    for run in config.runs:
        parts = [*config.tasks, *list_artefacts(config, run)]
        for seed in config.list_all_seeds(run):
            folders |= {f"runs/{run}", f"runs/{run}/seed{seed}", *(f"runs/{run}/seed{seed}/{part}" for part in parts)}
    for samples in config.samples:
        seeds = {config.find_drawn_seed(samples, seed) for seed in config.all_seeds}
        folders |= {f"samples/{samples}", *(f"samples/{samples}/seed{seed}" for seed in seeds)}
    folders |= {f"tuning/{run}" for run in config.selections}
    for repeat in REPEATS if config.noise else ():
        folders |= {f"noise/{repeat}", *(f"noise/{repeat}/{task}" for task in config.tasks)}
    return folders | tokens | set(_list_records(config))


def list_artefacts(config: Config, run: str) -> list[str]:
    """List the folders that a run's training publishes, or can publish on request."""
    if config.runs[run].method == "base":
        return []
    return ["tensorboard", *(["adapter", "merged"] if config.keeps_adapter(run) else ["model"])]


def _list_records(config: Config) -> Iterator[str]:
    data = [{"model": model, "dataset": dataset} for model in config.models for dataset in config.datasets]
    arms = [
        {"run": run, "seed": seed, "task": task, "artefact": artefact}
        for run in config.runs
        for seed, task in itertools.product(config.list_all_seeds(run), config.tasks)
        for artefact in list_artefacts(config, run) or [""]
    ]
    repeats = [{"repeat": repeat, "task": task} for repeat in REPEATS for task in config.tasks]
    draws = [
        {"samples": samples, "seed": config.find_drawn_seed(samples, seed)}
        for samples, seed in itertools.product(config.samples, config.all_seeds)
    ]
    taught = [
        {"model": spec.model, "teacher": config.find_teacher(run)[1]}
        for run, spec in config.runs.items()
        if spec.method == "distillation"
    ]
    figures = [{"figure": name} for name in FIGURES]
    kinds = {"{run}": arms, "{repeat}": repeats, "{samples}": draws, "{teacher}": taught, "{figure}": figures}
    for stage, pattern in RECORD_NAMES.items():
        for names in next((found for field, found in kinds.items() if field in pattern), data):
            yield f"{stage}/{pattern.format(**names)}"


# Files and folders, links not followed.


def list_tree(path: Path) -> list[Path]:
    """List the files and links below a folder, or the file or link itself."""
    if path.is_symlink() or not path.is_dir():
        return [path] if os.path.lexists(path) else []
    return [file for child in sorted(path.iterdir()) for file in list_tree(child)]


def measure_bytes(paths: Iterable[Path]) -> int:
    return sum(file.lstat().st_size for path in paths for file in list_tree(path))


def count_links(paths: Iterable[Path]) -> Counter[tuple[int, int]]:
    """Count the names (hard links) below `paths` of each file on the disk (device, inode)."""
    found = [file.lstat() for path in paths for file in list_tree(path)]
    return Counter((state.st_dev, state.st_ino) for state in found)


def measure_freed(paths: Iterable[Path]) -> int:
    """Return the bytes that removing `paths` frees: a file with another hard link elsewhere stays on the disk."""
    paths = list(paths)
    names = count_links(paths)
    found = {(state.st_dev, state.st_ino): state for path in paths for state in map(os.lstat, list_tree(path))}
    return sum(state.st_size for key, state in found.items() if names[key] >= state.st_nlink)


def remove_tree(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)
