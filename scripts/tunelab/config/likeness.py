"""Fill in entries that are `like` another one: they take over its fields, except those that they give themselves.

Sections are merged field by field; a field in them is taken over or given as one value. Labels are never taken over,
since the report tells entries apart by them. An entry that cannot be filled in keeps its `like`, for the message.
"""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from tunelab.config.drafts import Problem, follow
from tunelab.config.wording import refuse_name, refuse_value, show
from tunelab.values import list_names

Raw = dict[str, Any]
Entry = tuple[str, str]  # table and name
LIKE, LABEL = "like", "label"
TABLES = ("runs", "tasks", "datasets")


def fill_in(raw: Raw) -> Raw:
    """Return the merged config with all entries filled in, as far as possible."""
    return raw | {table: _fill_table(entries) for table, entries in _list_tables(raw)}


def list_unfilled(raw: Raw) -> dict[Entry, Any]:
    """Return the entries that could not be filled in, each with the value of its `like`."""
    return {
        (table, name): entry[LIKE]
        for table, entries in _list_tables(raw)
        for name, entry in entries.items()
        if _is_like_another(entry)
    }


def check_likeness(raw: Raw) -> Iterator[Problem]:
    """Yield why entries could not be filled in; a fault is reported once, at the entry that has it itself."""
    for table, entries in _list_tables(raw):
        told: set[str] = set()
        for name in filter(lambda name: _is_like_another(entries[name]), entries):
            chain = _follow(entries, name)
            if name not in told and (text := _find_fault(table[:-1], entries, name, chain)):
                yield Problem((table, name, LIKE), text)
                told.update(chain)  # all members of a circle


def drop_taken_over(problems: Iterable[Problem], typed: Raw) -> list[Problem]:
    """Leave out problems with fields that an entry took over, if they are reported of the other entry already.

    Args:
        typed: the merged config before it was filled in.
    """
    told = dict.fromkeys(problems)
    likes = {entry: like for entry, like in list_unfilled(typed).items() if isinstance(like, str)}
    return [
        problem
        for problem in told
        if problem.path[:2] not in likes or _find_original(problem, likes[problem.path[:2]], typed) not in told
    ]


def _list_tables(raw: Raw) -> list[tuple[str, Raw]]:
    return [(table, raw[table]) for table in TABLES if isinstance(raw.get(table), dict)]


def _is_like_another(entry: Any) -> bool:
    return isinstance(entry, dict) and LIKE in entry


def _fill_table(entries: Raw) -> Raw:
    filled = {name: entry for name, entry in entries.items() if isinstance(entry, dict) and LIKE not in entry}
    for name in entries:
        for member in reversed(_follow(entries, name)):
            like = entries[member][LIKE]
            if member not in filled and isinstance(like, str) and like in filled:
                filled[member] = _fill_entry(filled[like], entries[member])
    return {name: filled.get(name, entry) for name, entry in entries.items()}


def _fill_entry(other: Raw, own: Raw) -> Raw:
    entry = {field: value for field, value in other.items() if field != LABEL}
    for field, value in own.items():
        if field != LIKE:
            sections = isinstance(entry.get(field), dict) and isinstance(value, dict)
            entry[field] = entry[field] | value if sections else value
    return copy.deepcopy(entry)


def _follow(entries: Raw, name: Any) -> list[str]:
    """List an entry, the one that it is like, and so on; the last one is like none, or closes a circle."""
    chain: dict[str, None] = {}
    while isinstance(name, str) and name not in chain and _is_like_another(entries.get(name)):
        chain[name] = None
        name = entries[name][LIKE]
    return list(chain)


def _find_fault(kind: str, entries: Raw, name: str, chain: list[str]) -> str | None:
    like = entries[name][LIKE]
    if not isinstance(like, str):
        return refuse_value(f"must be the name of another {kind}", like)
    if like == name:
        return f"names the {kind} itself; name another one"
    if like not in entries:
        return refuse_name(f"there is no {kind} {show(like)}", like, [other for other in entries if other != name])
    if entries[chain[-1]][LIKE] == name:
        return f"goes round in a circle ({list_names([*chain, name], quoted=False)}); write one of them out"
    return None


def _find_original(problem: Problem, like: str, typed: Raw) -> Problem | None:
    """Return the same problem of the other entry if its field was taken over from there, else None."""
    table, name, *field = problem.path
    if not field or field[0] == LABEL or len(follow(tuple(field), typed[table][name])) == len(field):
        return None
    return Problem((table, like, *field), problem.text)
