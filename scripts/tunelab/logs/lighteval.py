"""Read `details_<task>_<time>.parquet` of lighteval: a row is a document with its points and the model's response."""

import ast
import re
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
    task = named["task"] if named else path.stem
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
    """Return document, points and response of each row."""
    duckdb = import_package("duckdb", "duckdb", path)
    try:
        with duckdb.connect() as base:
            table = base.read_parquet(str(path))
            types = dict(zip(table.columns, table.types, strict=True))
            if not set(COLUMNS) <= types.keys():
                raise UserError(
                    f"{path}: this table has the columns {list_names(types)}, and details of lighteval have "
                    f"{list_names(COLUMNS)}. Name a file details_*.parquet, or save your table as JSON Lines or CSV."
                )
            found = table.project(f"doc, metric, {_select_texts(types['model_response'])}").fetchall()
    except duckdb.Error as error:
        said = str(error).partition("\n")[0]
        raise UserError(f"{path} is no whole Parquet file ({said}). Was it copied or downloaded completely?") from error
    return [[_parse(value, path, number) for value in row] for number, row in enumerate(found, 1)]


def _select_texts(kind: Any) -> str:
    """Write the response in SQL without its numbers, of which there are many for each token."""
    if kind.id != "struct":
        return "model_response"
    texts = ", ".join(f"{part}: model_response.{part}" for part, _ in kind.children if part in ("input", "text"))
    return f"{{{texts}}}" if texts else "'{}'"


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
