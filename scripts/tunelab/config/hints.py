"""Say what to write where a config has a key, a value or a shape that another program would take.

`hints.toml` lists these by their place. Two kinds are found without a list: keys that belong into another section, and
names of files and repositories in place of an entry's name.
"""

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from tunelab.config.arguments import load_arguments
from tunelab.config.drafts import LONGEST_KEY, Problem, follow
from tunelab.config.fields import QUANTIZATION, load_classes
from tunelab.config.methods import METHODS
from tunelab.config.specs.data import PrepareSpec
from tunelab.config.specs.evaluation import DriftSpec, GenerationSpec, NoiseSpec, SamplingSpec, TaskSpec
from tunelab.config.specs.samples import SamplesSpec
from tunelab.config.specs.sources import DatasetSource, HubSettings, ModelSpec
from tunelab.config.specs.study import ComparisonSpec, StudySpec
from tunelab.config.specs.training import CheckpointSettings, LaunchSpec, PairsSpec, Rewards, RunSpec, SelectSpec
from tunelab.config.wording import SHOWN, show
from tunelab.values import cut, list_names

KeyPath = tuple[str | int, ...]
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


FILE = Path(__file__).with_suffix(".toml")
# how messages of other checks begin
MISSING, UNKNOWN, MISSHAPEN = (
    "is required",
    ("unknown key", "is not a field of "),
    ("must be a list", "must be a mapping"),
)
# fields that name an entry of another table; the table, and its entries for a repository and for a folder or file
ENTRIES = {
    "model": (
        "models",
        "{{source: hub, repo_id: {value}, revision: main}}",
        "{{source: local, path: {value}}}",
    ),
    "dataset": (
        "datasets",
        "{{fetch: {{source: hub, repo_id: {value}}}, prepare: {{format: question_answer}}}}",
        "{{fetch: {{source: local, files: [{value}]}}, prepare: {{format: {format}}}}}",
    ),
}
ENTRIES["teacher"] = ENTRIES["model"]
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w.-]+")
DATA_FILE = re.compile(r".*\.(jsonl?|csv|parquet|txt|md)(\.\w+)?", re.IGNORECASE)
TEXT = re.compile(r"\.(txt|md)(\.\w+)?$", re.IGNORECASE)


def add_hints(problems: Iterable[Problem], raw: dict[str, Any]) -> list[Problem]:
    """Return the problems with hints in place of messages where there are any.

    Problems that a hint answers as well, such as a missing field that stands there under another name, are left out.

    Args:
        raw: the config that they are about.
    """
    found, answered = [], set()
    for problem in problems:
        hint, fields = _find_hint(problem, raw)
        found.append(Problem(problem.path, hint) if hint else problem)
        answered |= {(*problem.path[:-1], field) for field in fields}
    return [problem for problem in found if not (problem.path in answered and problem.text.startswith(MISSING))]


@functools.cache
def load_hints() -> dict[str, dict]:
    """Read `hints.toml`, with an entry for each of the words that share one."""
    hints = tomllib.loads(FILE.read_text(encoding="utf-8"))
    for kind in ("values", "keys"):
        for place, table in hints[kind].items():
            hints[kind][place] = {word: entry for words, entry in table.items() for word in words.split("|")}
    return hints


def find_pattern(path: KeyPath) -> KeyPath:
    """Return a path with `*` for the user's names and for places in lists."""
    return tuple(
        ANY if type(key) is int or (depth == 1 and path[0] in TABLES) else key for depth, key in enumerate(path)
    )


def find_home(path: KeyPath, raw: dict[str, Any]) -> tuple[KeyPath, str] | None:
    """Return the nearest section that has the last key of `path` as a field, and the field's name there.

    Returns None if the key belongs where it is, belongs nowhere, or belongs into several tables that are equally near.
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


def _count_shared(one: KeyPath, other: KeyPath) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _list_fields(pattern: KeyPath, home: KeyPath, raw: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the names of a section's fields, each with the field; libraries' fields may have several names."""
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


def _find_class(section: str, home: KeyPath, raw: dict[str, Any]) -> str:
    """Return the library's class whose fields a section of a run has; SFT's or LoRA's if the run does not say."""
    if section == "quantization":
        return QUANTIZATION
    if section == "training":
        return METHODS.get(str(_look_up((*home[:2], "method"), raw)), METHODS["sft"]).config
    kind = str(_look_up((*home[:2], "adapter", "peft_type"), raw))
    return kind if kind in load_arguments() else "LORA"


def _find_hint(problem: Problem, raw: dict[str, Any]) -> tuple[str | None, list[str]]:
    """Return the hint for a problem, if there is one, and the fields of its section that it answers as well."""
    path, value = problem.path, _look_up(problem.path, raw)
    if not path or value is None or len(str(path[-1])) > LONGEST_KEY:
        return None, []
    if entry := load_hints()["keys"].get(_write(path[:-1]), {}).get(path[-1]):
        fields = entry.get("for", [])
        return _fill(entry["text"], value), [fields] if isinstance(fields, str) else fields
    if problem.text.startswith(UNKNOWN) and (home := find_home(path, raw)):
        section, field = home
        below = section[len(path) - 1 :] if section[: len(path) - 1] == path[:-1] else ()
        where = ".".join(f"<{section[0][:-1]}>" if key == ANY else str(key) for key in section)
        return f"stands in the wrong place; write {where}: {{{field}: {_show(value)}}}", list(below[:1])
    return _find_value(path, value) or _find_shape(problem, value), []


def _find_value(path: tuple, value: Any) -> str | None:
    """Return the hint about a word of another program, or about a name that is no entry of the config."""
    if not isinstance(value, str):
        return None
    word, tables = value.strip().lower(), load_hints()["values"]
    for place in (_write(path), str(path[-1])):
        if hint := tables.get(place, {}).get(word.replace("-", "_"), tables.get(place, {}).get(word)):
            return f"{show(value)} {hint}"
    if _write(path) == "runs.*.method" and (kind := _find_adapter(word)):
        return f"{show(value)} is a kind of adapter: write method: sft and adapter: {{peft_type: {kind}}}"
    if path[-1] in ENTRIES and path[0] in ("runs", "tasks", "samples"):
        return _define(str(path[-1]), value)
    return None


def _find_adapter(word: str) -> str | None:
    """Return PEFT's type for a word such as `lora`, `prefix` or `p-tuning`, or None."""
    plain = word.replace("-", "_").upper()
    spelt = {name.replace("_", ""): name for name in load_arguments() if name.isupper()}
    return next(
        (spelt[one.replace("_", "")] for one in (plain, f"{plain}_TUNING") if one.replace("_", "") in spelt), None
    )


def _define(field: str, value: str) -> str | None:
    """Say how to define an entry for a repository, folder or file, if the value looks like one of these."""
    table, of_hub, local = ENTRIES[field]
    is_file = value.startswith((".", "/", "~")) or (field == "dataset" and DATA_FILE.fullmatch(value))
    if not is_file and not REPOSITORY.fullmatch(value):
        return None
    stem = value.rstrip("/").rpartition("/")[2].partition(".json")[0].partition(".csv")[0].lower()
    name = re.sub(r"[^a-z0-9_.-]+", "-", stem).strip("-_.")[:50] or "mine"
    entry = (local if is_file else of_hub).format(
        value=value, format="text" if TEXT.search(value) else "question_answer"
    )
    return (
        f"{show(value)} is no entry of {table}; write {table}: {{{name}: {entry}}}, and name that here, {field}: {name}"
    )


def _find_shape(problem: Problem, value: Any) -> str | None:
    """Return the problem's message, and what to write in place of a value of the wrong shape."""
    if isinstance(value, dict) or not problem.text.startswith(MISSHAPEN):
        return None
    shape = load_hints()["shapes"].get(_write(problem.path))
    if shape is None and problem.text.startswith(MISSHAPEN[0]) and isinstance(value, str | int | float):
        shape = f"Write [{list_names(filter(None, re.split(r'[,; ]+', str(value))), quoted=False)}]."
    return f"{problem.text.rstrip('.')}. {shape}" if shape else None


def _look_up(path: tuple, raw: Any) -> Any:
    """Return the config's value at a path, or None."""
    values = [raw, *follow(path, raw)]
    return values[-1] if len(values) > len(path) else None


def _fill(text: str, value: Any) -> str:
    """Write a value into a hint; a list is not put into another one."""
    place = "[{value}]" if isinstance(value, list) and "[{value}]" in text else "{value}"
    return text.replace(place, _show(value))


def _show(value: Any) -> str:
    return cut(value, SHOWN) if isinstance(value, str) else show(value)


def _write(path: tuple) -> str:
    return ".".join(map(str, find_pattern(path)))
