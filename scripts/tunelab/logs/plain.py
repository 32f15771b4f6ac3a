"""Read rows of one's own, as JSON Lines or CSV: an id, and the points in columns of numbers."""

import csv
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from tunelab.errors import UserError
from tunelab.logs.log import Item, Log, find_lower, join_texts, settle_scores
from tunelab.logs.opening import Placed, read_lines
from tunelab.values import list_names, shorten

IDS = ("id", "item_id", "sample_id", "question_id", "example_id", "doc_id", "item", "key", "uid", "index", "idx")
TEXTS = {
    "question": ("question", "query", "problem", "prompt", "input", "instruction"),
    "reference": ("reference", "target", "gold", "expected", "label"),
    "answer": ("answer", "prediction", "response", "output", "completion"),
}
_OTHER = frozenset((*IDS, *itertools.chain(*TEXTS.values()), "task", "repeat", "seed"))


def read_table(path: Path) -> list[Log]:
    """Read a CSV file with commas, semicolons or tabs, which its first line tells."""
    lines = (line for _, line in read_lines(path))
    head = next(lines)
    comma = max(",;\t", key=head.count)
    csv.field_size_limit(2**31 - 1)  # a model's thoughts may be long
    reader = csv.reader(itertools.chain([head], lines), delimiter=comma, strict=True)
    try:
        return read(path, _list_rows(path, reader), "CSV")
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}. Save the table as CSV again.") from error


def read(path: Path, rows: Iterable[Placed], tool: str = "JSON Lines") -> list[Log]:
    found: dict[str, list[Item]] = {}
    places: dict[tuple[str, str, int], str] = {}
    for place, row in rows:
        key = _find_id(row, place)
        task, repeat = str(row.get("task") or ""), _read_repeat(row, place)
        before = places.setdefault((task, key, repeat), place)
        if before != place:
            raise UserError(
                f"{place} has the id {shorten(key)}, as {before.removeprefix(f'{path}, ')} has. Give each item an id "
                "of its own; several answers to an item are numbered in a column `repeat`."
            )
        texts = {part: join_texts(next((row[n] for n in names if n in row), None)) for part, names in TEXTS.items()}
        scores = {name: value for name, value in row.items() if name not in _OTHER}
        found.setdefault(task, []).append(Item(key=key, scores=scores, repeat=repeat, **texts))
    if not found:
        raise UserError(f"{path} has no rows. Was it copied or downloaded completely?")
    logs = []
    for task, items in found.items():
        settled = settle_scores(path, items)
        logs.append(Log(path, tool, task, "", settled, lower=find_lower(settled)))
    return logs


def _find_id(row: dict, place: str) -> str:
    for name in IDS:
        if name in row:
            if row[name] in (None, ""):
                raise UserError(f"{place} has an empty {name}. Give it the id that the other logs have for this item.")
            return str(row[name])
    raise UserError(
        f"{place} has the columns {list_names(row)}, and none tells which item it is (looked for {list_names(IDS)}). "
        "Name the column with the id `id`."
    )


def _read_repeat(row: dict, place: str) -> int:
    value = row.get("repeat") or 0
    if isinstance(value, int | str) and str(value).isdecimal():
        return int(value)
    raise UserError(f"{place}: repeat is {shorten(value)}, and it is the number of the answer: 0, 1, 2 and so on.")


def _list_rows(path: Path, reader: Iterator[list[str]]) -> Iterator[Placed]:
    """Yield a table's rows, with numbers, true and false as such."""
    names = [name.strip() for name in next(reader)]
    if len(set(names)) < len(names):
        raise UserError(f"{path}: the first line names a column twice ({list_names(names)}). Name each once.")
    for number, cells in enumerate(reader, 2):
        if len(cells) != len(names):
            raise UserError(
                f"{path}, row {number} has {len(cells)} cells, and the first row names {len(names)} columns. Put texts "
                "with commas or line breaks in double quotes."
            )
        row = dict(zip(names, map(str.strip, cells), strict=True))
        row.pop("", None)  # the numbers that pandas writes before its rows
        yield f"{path}, row {number}", {n: cell if n in _OTHER else _read_cell(cell) for n, cell in row.items()}


def _read_cell(cell: str) -> float | bool | str | None:
    if cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell
