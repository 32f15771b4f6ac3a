"""Read `results/<model>/<dataset>.json` of OpenCompass, written with `--dump-eval-details`.

`details` is an object of numbered items, or a list whose entries hold the values of all answers to an item. The list
has no questions; they are in `predictions/<model>/<dataset>.json`, in one file or in parts `_0`, `_1`, ...
"""

from pathlib import Path
from typing import Any

from tunelab.errors import UserError
from tunelab.logs.log import Item, Log, find_lower, find_model, hash_text, join_texts, name_settings, settle_scores
from tunelab.logs.opening import check_object, read_document

_REFERENCES = ("references", "reference", "answer", "answers", "gold")
_ANSWERS = ("origin_prediction", "predictions", "prediction", "pred")
_OTHER = frozenset(("prompt", "origin_prompt", "example_abbr", *_REFERENCES, *_ANSWERS))


def matches(document: dict) -> bool:
    return isinstance(document.get("details"), dict | list)


def read(path: Path, document: dict) -> list[Log]:
    details = document["details"]
    if isinstance(details, dict):
        details = [detail for name, detail in sorted(details.items(), key=_place) if name.isdecimal()]
    if not details:
        raise UserError(f"{path}: `details` holds no item. Evaluate again with --dump-eval-details.")
    rows = [check_object(detail, f"{path}, details, item {number}") for number, detail in enumerate(details)]
    prompts = _read_prompts(path)
    questions = [
        join_texts(row.get("prompt") or row.get("origin_prompt") or (prompts[place] if place < len(prompts) else None))
        for place, row in enumerate(rows)
    ]
    positional = None in questions
    items = [
        item
        for place, (row, question) in enumerate(zip(rows, questions, strict=True))
        for item in _read_items(row, question, str(place) if positional else None)
    ]
    settled = settle_scores(path, items)
    settings = name_settings(repeats=1 + max(item.repeat for item in settled), model=find_model(path, "results"))
    return [Log(path, "OpenCompass", path.stem, "", settled, positional, find_lower(settled), settings)]


def _place(pair: tuple[str, Any]) -> int:
    return int(pair[0]) if pair[0].isdecimal() else -1


def _read_items(row: dict, question: str | None, place: str | None) -> list[Item]:
    scores = {name: value for name, value in row.items() if name not in _OTHER}
    reference, answer = (_find(row, names) for names in (_REFERENCES, _ANSWERS))
    repeats = max((len(value) for value in scores.values() if isinstance(value, list)), default=1)
    if "example_abbr" in row:  # what an evaluator said is a list there, with an entry for each answer
        reference = _pick(reference, 0)
    return [
        Item(
            key=place or hash_text(question, join_texts(reference)),
            scores={name: _pick(value, repeat) for name, value in scores.items()},
            question=question,
            reference=join_texts(reference),
            answer=join_texts(_pick(answer, repeat)),
            repeat=repeat,
            prompt=question and hash_text(question),
        )
        for repeat in range(repeats)
    ]


def _find(row: dict, names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if name in row), None)


def _pick(value: Any, repeat: int) -> Any:
    return value[repeat] if isinstance(value, list) and repeat < len(value) else value


def _read_prompts(path: Path) -> list[Any]:
    """Return the prompts of all answers, or nothing if the predictions do not lie where OpenCompass writes them."""
    model = path.absolute().parent
    folder = model.parent.parent / "predictions" / model.name
    whole = folder / path.name
    parts = [whole] if whole.is_file() else []
    while not whole.is_file() and (part := folder / f"{path.stem}_{len(parts)}.json").is_file():
        parts.append(part)
    return [
        row.get("origin_prompt")
        for part in parts
        for _, row in sorted(check_object(read_document(part), str(part)).items(), key=_place)
    ]
