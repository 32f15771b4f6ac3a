"""Read `<uuid>_samples.jsonl` of every-eval-ever, into which logs of other tools are converted.

A row is a sample in one metric. `sample_hash` is made from question and reference; where it is missing, the id counts.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tunelab.errors import UserError
from tunelab.logs.log import Item, Log, find_lower, hash_prompts, hash_text, join_texts, name_settings, settle_scores
from tunelab.logs.opening import Placed


def matches(row: dict) -> bool:
    return {"schema_version", "evaluation_name", "sample_id"} <= row.keys() and isinstance(row.get("evaluation"), dict)


def read(path: Path, rows: Iterator[Placed]) -> list[Log]:
    found: dict[str, list[Item]] = {}
    answered: Counter[tuple] = Counter()  # rows with the same id are answers to one row; others may ask the same
    model = None
    for place, row in rows:
        if not matches(row):
            raise UserError(f"{place} is no sample of every-eval-ever, as the rows before it are. Remove it.")
        # a result is a metric; where a file names none, all its rows are of one
        task = "/".join(filter(None, (row["evaluation_name"], row.get("evaluation_result_id"))))
        key = row.get("sample_hash") or str(row["sample_id"])
        one = (task, key, row["sample_id"])
        found.setdefault(task, []).append(_read_item(row, key, answered[one]))
        answered[one] += 1
        model = row.get("model_id", model)
    logs = []
    for task, items in found.items():
        settled = settle_scores(path, items)
        settings = name_settings(prompts=hash_prompts(settled), model=model)
        logs.append(Log(path, "every-eval-ever", task, "", settled, lower=find_lower(settled), settings=settings))
    return logs


def _read_item(row: dict, key: str, repeat: int) -> Item:
    asked, score = row.get("input") or {}, row["evaluation"]
    extracted = [part.get("extracted_value") for part in row.get("answer_attribution") or () if part.get("is_terminal")]
    shown = join_texts(asked.get("formatted"))
    return Item(
        key=key,
        scores={"score": score.get("is_correct") if score.get("score") is None else score["score"]},
        question=join_texts(asked.get("raw")),
        reference=join_texts(asked.get("reference")),
        answer=join_texts((row.get("output") or {}).get("raw")) or join_texts(extracted),
        repeat=repeat,
        prompt=shown and hash_text(shown),
    )
