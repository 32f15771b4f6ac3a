"""Read `samples_<task>_<time>.jsonl` of lm-evaluation-harness, and what `results_<time>.json` beside it says.

A row is a document in one filter. `doc_hash` tells documents apart, since `doc_id` counts in another order where
documents were chosen by `--samples`. Several answers to a document are within its row and have one score.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab.errors import UserError
from tunelab.logs.log import Item, Log, find_lower, hash_prompts, hash_text, join_texts, name_settings, settle_scores
from tunelab.logs.opening import Placed, read_document
from tunelab.values import shorten

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT[\d.-]+)\.jsonl")
_HASHES = ("doc_hash", "prompt_hash", "target_hash")
_KNOWN = frozenset(("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", *_HASHES))
_QUESTIONS = ("question", "query", "problem", "prompt", "input", "text", "ctx")


def matches(row: dict) -> bool:
    return {"doc_id", "doc"} <= row.keys() and not {"resps", "filtered_resps"}.isdisjoint(row)


def read(path: Path, rows: Iterator[Placed]) -> list[Log]:
    found: dict[str, list[tuple[int, Item]]] = {}
    digest = hashlib.sha256()
    for place, row in rows:
        if not matches(row):
            raise UserError(f"{place} is no sample of lm-eval, as the rows before it are. Remove it.")
        found.setdefault(row.get("filter", ""), []).append((row["doc_id"], _read_item(row)))
        digest.update("".join(row.get(name, "") for name in _HASHES).encode())
    task, results = _find_results(path, digest.hexdigest())
    for name, pairs in found.items():
        _check_complete(path, name, len(pairs), results.get("n-samples", {}).get(task, {}).get("effective"))
    return [_build_log(path, task, name, pairs, results) for name, pairs in found.items()]


def _read_item(row: dict) -> Item:
    doc = row["doc"]
    asked = next((doc[name] for name in _QUESTIONS if name in doc), None) if isinstance(doc, dict) else doc
    arguments = row.get("arguments") or {}
    shown = arguments.get("gen_args_0", {}).get("arg_0") if isinstance(arguments, dict) else None
    given = row.get("resps") or row.get("filtered_resps")
    while isinstance(given, list) and len(given) == 1:
        given = given[0]
    return Item(
        key=row.get("doc_hash") or hash_text(json.dumps(doc, indent=2, ensure_ascii=False)),
        scores={name: row.get(name) for name in row.get("metrics") or row.keys() - _KNOWN},
        question=join_texts(shown if asked is None else asked),
        reference=join_texts(row.get("target")),
        answer=given if isinstance(given, str) else None,
        prompt=row.get("prompt_hash"),
    )


def _build_log(path: Path, task: str, name: str, pairs: list[tuple[int, Item]], results: dict) -> Log:
    items = settle_scores(path, _sort_items(pairs))
    config = results.get("config", {})
    settings = name_settings(
        version=results.get("versions", {}).get(task),
        shots=results.get("n-shot", {}).get(task),
        limit=config.get("limit"),
        generation=_write_generation(results, task),
        prompts=hash_prompts(items),
        model=results.get("model_name") or config.get("model_args"),
    )
    lower = find_lower(items, results.get("higher_is_better", {}).get(task))
    return Log(path, "lm-eval", task, "" if name == "none" else name, items, lower=lower, settings=settings)


def _sort_items(pairs: list[tuple[int, Item]]) -> list[Item]:
    """Sort items by their documents; equal documents stand together, in an order that no id decides."""
    firsts: dict[str, int] = {}
    for number, item in pairs:
        firsts[item.key] = min(number, firsts.get(item.key, number))
    return sorted((item for _, item in pairs), key=lambda item: (firsts[item.key], item.prompt or ""))


def _write_generation(results: dict, task: str) -> str | None:
    """Write how answers were drawn, of tasks whose answers are."""
    drawn = results.get("configs", {}).get(task, {}).get("generation_kwargs")
    return drawn and json.dumps(drawn | (results["config"].get("gen_kwargs") or {}), sort_keys=True)


def _find_results(path: Path, digest: str) -> tuple[str, dict[str, Any]]:
    """Return the task's name, and the results that were written with these samples, or nothing.

    They have the same time in their names; of renamed files, the results hold the hash of their samples. A name that
    is not lm-eval's tells no task.
    """
    named = _NAME.match(path.name)
    if named:
        beside = [file for file in sorted(path.parent.glob("*.json")) if file.stem.endswith(named["time"])]
        return named["task"], read_document(beside[0]) if beside else {}
    for file in sorted(path.parent.glob("*results*.json")):
        results = read_document(file)
        for task, hashed in results.get("task_hashes", {}).items() if isinstance(results, dict) else ():
            if hashed == digest:
                return task, results
    name = path.name.partition(".")[0]
    return name.removeprefix("samples_") if name.startswith("samples_") else "", {}


def _check_complete(path: Path, name: str, rows: int, evaluated: int | None) -> None:
    if evaluated is not None and rows != evaluated:
        why = "Part of it is missing" if rows < evaluated else "Two evaluations were written into it"
        raise UserError(
            f"{path}: {rows:,} rows of the filter {shorten(name)}, and results_*.json beside it says that "
            f"{evaluated:,} documents were evaluated. {why}; copy it again, or evaluate again "
            "with another --output_path."
        )
