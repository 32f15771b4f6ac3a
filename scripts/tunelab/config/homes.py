"""Find in which part of the config a key is at home that stands in another one."""

from collections.abc import Iterator
from typing import Any, get_args

from tunelab.config.arguments import load_arguments
from tunelab.config.field_classes import QUANTIZATION, load_classes
from tunelab.config.methods import METHODS
from tunelab.config.specs.data import PrepareSpec
from tunelab.config.specs.evaluation import DriftSpec, GenerationSpec, NoiseSpec, SamplingSpec, TaskSpec
from tunelab.config.specs.samples import SamplesSpec
from tunelab.config.specs.sources import DatasetSource, HubSettings, ModelSpec
from tunelab.config.specs.study import ComparisonSpec, StudySpec
from tunelab.config.specs.training import CheckpointSettings, LaunchSpec, PairsSpec, Rewards, RunSpec, SelectSpec

Path = tuple[str | int, ...]
ANY = "*"  # a name of the user's
SECTIONS = {
    ("study",): StudySpec,
    ("hub",): HubSettings,
    ("checkpoints",): CheckpointSettings,
    ("comparison",): ComparisonSpec,
    ("models", ANY): ModelSpec,
    ("datasets", ANY, "fetch"): DatasetSource,
    ("datasets", ANY, "prepare"): PrepareSpec,
    ("samples", ANY): SamplesSpec,
    ("runs", ANY): RunSpec,
    ("runs", ANY, "training"): None,
    ("runs", ANY, "adapter"): None,
    ("runs", ANY, "quantization"): None,
    ("runs", ANY, "rewards"): Rewards,
    ("runs", ANY, "select"): SelectSpec,
    ("runs", ANY, "pairs"): PairsSpec,
    ("runs", ANY, "launch"): LaunchSpec,
    ("tasks", ANY): TaskSpec,
    ("tasks", ANY, "generation"): GenerationSpec,
    ("tasks", ANY, "sampling"): SamplingSpec,
    ("drift",): DriftSpec,
    ("noise",): NoiseSpec,
}
TABLES = {pattern[0] for pattern in SECTIONS if ANY in pattern}


def find_pattern(path: Path) -> Path:
    """Return a path with `*` for the user's names and for places in lists."""
    return tuple(
        ANY if type(key) is int or (depth == 1 and path[0] in TABLES) else key for depth, key in enumerate(path)
    )


def find_home(path: Path, raw: dict[str, Any]) -> tuple[Path, str] | None:
    """Return the nearest section that has the last key of `path` as a field, and the field's name there.

    None if the key is at home where it stands, or nowhere, or in several tables that are equally far.
    """
    section, key, here = path[:-1], path[-1], find_pattern(path[:-1])
    at_home = {pattern[0] for pattern in SECTIONS} if not section else dict(_list_fields(here, section, raw))
    if not isinstance(key, str) or key in at_home:
        return None
    found = []
    for pattern in SECTIONS:
        shared = _count_shared(here, pattern)
        home = (*section[:shared], *pattern[shared:])
        if pattern != here and (field := dict(_list_fields(pattern, home, raw)).get(key)):
            found.append((shared, home, field))
    nearest = [(home, field) for shared, home, field in found if shared == max(item[0] for item in found)]
    if not nearest or (ANY in nearest[0][0] and len({home[0] for home, _ in nearest}) > 1):
        return None
    return nearest[0]


def _count_shared(one: Path, other: Path) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _list_fields(pattern: Path, home: Path, raw: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each name by which a section knows a field, the libraries' other names among them, and the field's own."""
    kind = SECTIONS.get(pattern)
    if kind is not None:
        members = getattr(get_args(kind)[0], "__args__", None) if get_args(kind) else None
        for member in members or (kind,):
            yield from ((name, name) for name in member.model_fields)
    elif pattern in SECTIONS:
        name = _find_class(pattern[-1], home, raw)
        known, classes = load_arguments()[name], load_classes(name)
        usable = [field for field in known if field not in classes.set and field not in classes.refused]
        yield from ((other, field) for other, field in classes.called.items() if field in usable)
        yield from ((field, field) for field in usable)


def _find_class(section: str, home: Path, raw: dict[str, Any]) -> str:
    """Return the library's class whose fields a section of a run holds: SFT's and LoRA's where that is not told."""
    if section == "quantization":
        return QUANTIZATION
    if section == "training":
        return METHODS.get(_get_word(raw, (*home[:2], "method")), METHODS["sft"]).config
    kind = _get_word(raw, (*home[:2], "adapter", "peft_type"))
    return kind if kind in load_arguments() else "LORA"


def _get_word(value: Any, path: Path) -> str:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
