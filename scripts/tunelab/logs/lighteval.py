"""Read `details_<task>_<time>.parquet` of lighteval: a row is a document with its points and the model's response."""

import ast
import re
import struct
from pathlib import Path
from typing import Any

from tunelab.errors import UserError
from tunelab.logs.log import (
    Item,
    Log,
    find_lower,
    find_model,
    hash_prompts,
    hash_text,
    join_texts,
    name_settings,
    settle_scores,
)
from tunelab.logs.opening import import_package
from tunelab.values import list_names

_NAME = re.compile(r"details_(?P<task>.+?)(?:\|(?P<shots>\d+))?_\d{4}-\d\d-\d\dT.*")
COLUMNS = ("doc", "metric", "model_response")
BROKEN = (ValueError, KeyError, IndexError, OSError, EOFError, struct.error)  # what a damaged file makes of a reader
# what is read of the two that are not points; each is a column by itself where lighteval wrote objects as texts
_DOC = ("query", "choices", "gold_index", "original_query", "full_prompt", "num_asked_few_shots")
FIELDS = frozenset((*COLUMNS, *(f"doc.{name}" for name in _DOC), "model_response.input", "model_response.text"))


def read(path: Path) -> list[Log]:
    rows = _load(path)
    named = _NAME.fullmatch(path.stem)
    items = settle_scores(path, (_read_item(*row) for row in rows))
    shots = {doc.get("num_asked_few_shots") for doc, _, _ in rows}
    settings = name_settings(
        shots=named["shots"] if named and named["shots"] else shots.pop() if len(shots) == 1 else None,
        prompts=hash_prompts(items),
        model=find_model(path.absolute().parent, "details"),  # the inner folder is a time
    )
    task = named["task"] if named else ""
    return [Log(path, "lighteval", task, "", items, lower=find_lower(items), settings=settings)]


def _read_item(doc: dict, metric: dict, response: dict) -> Item:
    choices, gold = doc.get("choices") or [], doc.get("gold_index")
    correct = [choices[index] for index in (gold if isinstance(gold, list) else [gold]) if index is not None]
    shown = join_texts(response.get("input")) or join_texts(doc.get("full_prompt")) or doc["query"]
    return Item(
        key=hash_text(doc["query"], choices, gold),
        scores=metric,
        question=doc.get("original_query") or doc["query"],
        reference=join_texts(correct),
        answer=join_texts(response.get("text")),
        prompt=hash_text(shown),
    )


def _load(path: Path) -> list[list[dict]]:
    """Return document, points and response of each row.

    The library names the fields of an object `doc.query`. It cannot read lists of objects (a prompt in messages), of
    which nothing is needed but to tell prompts apart.
    """
    fastparquet = import_package("fastparquet", "fastparquet", path)
    try:
        file = fastparquet.ParquetFile(str(path))
        found = [name for name in file.columns if name.partition(".")[0] in COLUMNS]
        if not {name.partition(".")[0] for name in found} >= set(COLUMNS):
            raise UserError(
                f"{path}: this table has the columns {list_names(file.columns)}, and details of lighteval have "
                f"{list_names(COLUMNS)}. Name a file details_*.parquet, or save your table as JSON Lines or CSV."
            )
        wanted = [name for name in found if name in FIELDS or name.startswith("metric.")]
        table = file.to_pandas(columns=wanted).to_dict("list")
    except (*BROKEN, fastparquet.util.ParquetException) as error:
        said = str(error).partition("\n")[0]
        raise UserError(f"{path} is no whole Parquet file ({said}). Was it copied or downloaded completely?") from error
    rows = zip(*table.values(), strict=True)
    return [_build_row(dict(zip(table, row, strict=True)), path, number) for number, row in enumerate(rows, 1)]


def _build_row(cells: dict[str, Any], path: Path, number: int) -> list[dict]:
    """Put the fields of each object together again."""
    built = []
    for column in COLUMNS:
        if column in cells:
            built.append(_parse(cells[column], path, number))
        else:
            prefix = f"{column}."
            fields = {name.removeprefix(prefix): cell for name, cell in cells.items() if name.startswith(prefix)}
            built.append({name: _to_plain(cell) for name, cell in fields.items()})
    return built


def _to_plain(value: Any) -> Any:
    """Turn NumPy's values into Python's; of a missing number, NaN."""
    if isinstance(value, list | tuple) or hasattr(value, "tolist"):
        plain = value.tolist() if hasattr(value, "tolist") else value
        return [_to_plain(item) for item in plain] if isinstance(plain, list | tuple) else plain
    return value


def _parse(value: Any, path: Path, number: int) -> dict:
    """Return an object; where objects of a task differ in shape, lighteval writes each as Python prints it."""
    if isinstance(value, dict):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        raise UserError(
            f"{path}, row {number}: lighteval wrote what no program can read back. Write the rows as JSON Lines, with "
            "an id and the points."
        ) from None
