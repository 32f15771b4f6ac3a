"""Settle what a study selects: leave out parts of the merged config that concern only what is not selected.

An overlay that selects its own runs and tasks need not remove what the files below it say of all others. What the
selecting file, or one above it, says itself is always checked.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from tunelab.config.complete import Config
from tunelab.config.likeness import Entry, Raw, fill_in, list_unfilled
from tunelab.config.loading import check_config
from tunelab.config.specs.study import StudySpec
from tunelab.config.study import read_contrast
from tunelab.values import list_names


def settle_selection(raw: Raw, layers: Sequence[Raw]) -> Raw:
    """Return the merged config with entries filled in that are `like` others, and without what is left out.

    Left out are repeated evaluations of a run that is not selected, and runs and tasks that are not selected and
    contradict what a file above them changed, with the pairs that compare them.

    Args:
        layers: the contents of the files that were merged, the lowest first.
    """
    raw = fill_in(raw)
    chosen = {table: _list_chosen(raw, table) for table in ("runs", "tasks")}
    if not all(chosen.values()):
        return raw  # the selection itself is wrong, which checks report
    above = {table: layers[_find_selecting(layers, table) :] for table in chosen}
    if _find_repeated(raw) not in (None, *chosen["runs"]) and not any("noise" in layer for layer in above["runs"]):
        raw = raw | {"noise": None}
    spare = {
        (table, name)
        for table in chosen
        for name in _get_table(raw, table)
        if name not in chosen[table] and not any(name in _get_table(layer, table) for layer in above[table])
    }
    unfilled = list_unfilled(raw)  # reported together with the entries that they name
    spare -= unfilled.keys() | {(table, like) for (table, _), like in unfilled.items() if isinstance(like, str)}
    while spare and (unfit := spare & {problem.path[:2] for problem in check_config(raw)[0]}):
        raw, spare = _leave_out(raw, unfit), spare - unfit
    return raw


def describe_left_out(raw: Raw, config: Config) -> Iterator[str]:
    """Yield a sentence for each part of the merged config that is left out.

    Args:
        config: the config after that.
    """
    if config.noise is None and (run := _find_repeated(raw)):
        yield f"noise: no evaluation is repeated, since study.runs leaves out {run}; name a run of the study there."
    for table in ("runs", "tasks"):
        if gone := [name for name in raw[table] if name not in getattr(config, table)]:
            listed = list_names(gone, quoted=False)
            yield f"{table}: {listed} does not go with what was changed; left out, as study.{table} does not name it."
    yield from _describe_idle_pairs((raw.get("comparison") or {}).get("contrasts", ()), config.study)


def _describe_idle_pairs(entries: Sequence[Any], study: StudySpec) -> Iterator[str]:
    """Yield a sentence if entries of `comparison.contrasts` compare nothing that is selected."""
    read = [read_contrast(entry) for entry in entries]
    idle = [
        (pair, tasks)
        for pair, tasks in read
        if not set(pair) <= set(study.runs) or (tasks and set(tasks).isdisjoint(study.tasks))
    ]
    runs = dict.fromkeys(name for pair, _ in idle for name in pair if name not in study.runs)
    tasks = dict.fromkeys(name for _, named in idle for name in named or () if name not in study.tasks)
    lacking = {"study.runs": runs, "study.tasks": tasks}
    causes = [f"{key} leaves out {list_names(names, quoted=False)}" for key, names in lacking.items() if names]
    if idle:
        none = "; name pairs of the study, or no difference is tested" if len(idle) == len(read) else ""
        yield (
            f"comparison.contrasts: {len(idle)} of {len(read)} pairs do not count, since {' and '.join(causes)}{none}."
        )


def _find_selecting(layers: Sequence[Raw], table: str) -> int:
    """Return the number of the last layer that has a selection."""
    return max((number for number, layer in enumerate(layers) if table in _get_table(layer, "study")), default=0)


def _list_chosen(raw: Raw, table: str) -> list[str]:
    """List what is selected, and the runs that it starts from or is taught by; nothing if a name does not exist."""
    chosen, entries = _get_table(raw, "study").get(table), _get_table(raw, table)
    if not isinstance(chosen, list | tuple) or not all(isinstance(name, str) and name in entries for name in chosen):
        return []
    found = list(chosen)
    for name in found:  # grows while it is read
        for field in ("init_from", "teacher"):
            source = entries[name].get(field) if isinstance(entries[name], dict) else None
            if isinstance(source, str) and source in entries and source not in found:
                found.append(source)
    return found


def _find_repeated(raw: Raw) -> Any:
    return _get_table(raw, "noise").get("run")


def _get_table(raw: Raw, name: str) -> Raw:
    table = raw.get(name) if isinstance(raw, dict) else None
    return table if isinstance(table, dict) else {}


def _leave_out(raw: Raw, unfit: set[Entry]) -> Raw:
    kept = {
        table: {name: entry for name, entry in raw[table].items() if (table, name) not in unfit}
        for table in ("runs", "tasks")
    }
    comparison = _get_table(raw, "comparison")
    pairs = [left for entry in comparison.get("contrasts", ()) if (left := _leave_out_of_contrast(entry, unfit))]
    return raw | kept | {"comparison": comparison | {"contrasts": pairs}}


def _leave_out_of_contrast(entry: Any, unfit: set[Entry]) -> Any:
    """Return an entry of `comparison.contrasts` without unfit tasks; None if a run is unfit, or no task is left."""
    if not isinstance(entry, dict):
        return None if any(("runs", name) in unfit for name in entry) else entry
    if any(("runs", name) in unfit for name in entry.get("runs", ())):
        return None
    tasks = [name for name in entry.get("tasks", ()) if ("tasks", name) not in unfit]
    return entry | {"tasks": tasks} if tasks or not entry.get("tasks") else None
