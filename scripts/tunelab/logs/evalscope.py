"""Read `reviews/<model>/<benchmark>_<subset>.jsonl` of EvalScope.

Rows are appended as answers come, so they are sorted by `index`, which numbers the answers of all items. What a judge
failed to score has no entry.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tunelab.errors import UserError
from tunelab.logs.log import Item, Log, find_lower, find_model, hash_text, join_texts, name_settings, settle_scores
from tunelab.logs.opening import Placed


def matches(row: dict) -> bool:
    return isinstance(row.get("sample_score"), dict) and "index" in row


def read(path: Path, rows: Iterator[Placed]) -> list[Log]:
    numbered = []
    for place, row in rows:
        if not matches(row):
            raise UserError(f"{place} is no review of EvalScope, as the rows before it are. Remove it.")
        numbered.append((row["index"], row))
    numbered.sort(key=lambda pair: pair[0])
    positional = any(join_texts(row.get("input")) is None for _, row in numbered)
    answered: Counter[str] = Counter()
    items = []
    for index, row in numbered:
        group = row["sample_score"].get("group_id")
        place = str(index if group is None else group)
        items.append(_read_item(row, place if positional else None, answered[place]))
        answered[place] += 1
    settled = settle_scores(path, items)
    settings = name_settings(repeats=max(answered.values()), model=find_model(path, "reviews"))
    task = path.name.partition(".jsonl")[0]
    return [Log(path, "EvalScope", task, "", settled, positional, find_lower(settled), settings)]


def _read_item(row: dict, place: str | None, repeat: int) -> Item:
    score = row["sample_score"].get("score") or {}
    question, target = join_texts(row.get("input")), join_texts(row.get("target"))
    return Item(
        key=place or hash_text(question, target),
        scores=score.get("value") or {},
        question=question,
        reference=target,
        answer=score.get("prediction") or score.get("extracted_prediction"),
        repeat=repeat,
        prompt=question and hash_text(question),
    )
