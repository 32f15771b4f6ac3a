"""Read logs of Inspect: `.eval`, a zip archive of JSON files, and `.json`.

Samples that were queued again have several entries of one name, of which the last counts. An archive's summaries hold
all scores, and questions up to a thousand characters; the rest of a longer one is in the sample's own entry, which may
be many megabytes.
"""

import math
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tunelab.errors import UserError
from tunelab.logs.log import Item, Log, find_lower, join_texts, name_settings, settle_scores
from tunelab.logs.opening import import_zipfile, import_zstd, parse_document
from tunelab.values import shorten

_GRADES = {"C": 1, "P": 0.5, "I": 0, "N": 0}
_WORDS = {"yes": 1, "true": 1, "no": 0, "false": 0}
_CUT = "(content truncated)"  # ends a text that a summary holds a part of
_AGAIN = "Run the evaluation to its end (`inspect eval-retry`), and name the log of that."


def matches(document: dict) -> bool:
    return {"eval", "status", "plan"} <= document.keys()


def read(path: Path, document: dict) -> list[Log]:
    samples = document.get("samples") or []
    places: dict[tuple[str, int], int] = {}
    for place, sample in enumerate(samples, 1):
        before = places.setdefault((str(sample["id"]), sample["epoch"]), place)
        if before != place:
            raise UserError(
                f"{path}: the samples {before} and {place} have the same id {shorten(sample['id'])} in the epoch "
                f"{sample['epoch']}. Give each row of the data an id of its own, and evaluate again."
            )
    return [_build_log(path, document, samples)]


def read_archive(path: Path) -> list[Log]:
    zipfile = import_zipfile(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())

            def load(name: str) -> Any:
                return parse_document(archive.read(name).decode(), f"{path}, entry {name}")

            if "header.json" not in names:
                begun = "_journal/start.json" in names
                what = f"a log of Inspect that was not written to its end. {_AGAIN}" if begun else "no log of Inspect."
                raise UserError(f"{path} is {what}")
            return [_build_log(path, load("header.json"), _list_samples(names, load))]
    except (zipfile.BadZipFile, import_zstd(path).ZstdError, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is a damaged archive ({str(error).rstrip('.')}). Was it copied or downloaded completely?"
        ) from error


def _list_samples(names: set[str], load: Any) -> Iterable[dict]:
    if "summaries.json" not in names:
        shells = (name for name in sorted(names) if name.startswith("samples/") and name.count("/") == 1)
        chunked = (name for name in sorted(names) if name.startswith("samples/") and name.endswith("/sample.json"))
        return [load(name) for name in (*shells, *chunked)]
    last = {(sample["id"], sample["epoch"]): sample for sample in load("summaries.json")}
    for (key, epoch), sample in last.items():
        if _CUT in (join_texts(sample.get("input")) or ""):
            entry = f"samples/{key}_epoch_{epoch}"
            sample["input"] = load(f"{entry}.json" if f"{entry}.json" in names else f"{entry}/sample.json")["input"]
    return last.values()


def _build_log(path: Path, header: dict, samples: Iterable[dict]) -> Log:
    run, samples = header["eval"], list(samples)
    if header["status"] != "success":
        raise UserError(f"{path}: the evaluation has the status {shorten(header['status'])}. {_AGAIN}")
    if header.get("invalidated"):
        raise UserError(f"{path}: samples of this log were marked as invalid. {_AGAIN}")
    expected = (header.get("results") or {}).get("total_samples", 0)
    if not samples or len(samples) < expected:
        raise UserError(
            f"{path}: {len(samples):,} of {expected:,} samples are in the log. Copy it again, or evaluate again "
            "without --no-log-samples."
        )
    places: Counter[str] = Counter()
    items = []
    for sample in sorted(samples, key=lambda sample: sample["epoch"]):  # stable: rows of an epoch stay in their order
        key = str(sample["id"])
        items.append(_read_item(sample, key, places[key]))
        places[key] += 1
    settled = settle_scores(path, items)
    data, config = run.get("dataset") or {}, run.get("config") or {}
    settings = name_settings(
        version=run.get("task_version"),
        limit=config.get("limit"),
        shuffled=bool(data.get("shuffled") or config.get("sample_shuffle")),
        repeats=config.get("epochs"),
        generation=run.get("model_generate_config") or None,
        model=run.get("model"),
    )
    # rows without an id are numbered from 1, after they were shuffled
    positional = all(isinstance(sample["id"], int) for sample in samples)
    return Log(path, "Inspect", run["task"], "", settled, positional, find_lower(settled), settings)


def _read_item(sample: dict, key: str, repeat: int) -> Item:
    scores = sample.get("scores") or {}
    answers = [score.get("answer") for score in scores.values() if score.get("answer")]
    completion = (sample.get("output") or {}).get("completion")
    return Item(
        key=key,
        scores=dict(pair for name, score in scores.items() for pair in _list_points(name, score.get("value"))),
        question=join_texts(sample.get("input")),
        reference=join_texts(sample.get("target")),
        answer=completion or next(iter(answers), None),
        repeat=repeat,
    )


def _list_points(scorer: str, value: Any) -> list[tuple[str, Any]]:
    """List a scorer's values, each with a name; a text becomes the number that Inspect makes of it."""
    if isinstance(value, dict):
        return [pair for name, inner in value.items() for pair in _list_points(f"{scorer}/{name}", inner)]
    if isinstance(value, str):
        value = _GRADES.get(value, _WORDS.get(value.lower(), _read_number(value)))
    return [(scorer, value)]


def _read_number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
