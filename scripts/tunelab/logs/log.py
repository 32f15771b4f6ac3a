"""Define what all tools' logs are read into: items with their points, and what a fair comparison must know of them."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tunelab.errors import UserError
from tunelab.values import list_names, shorten

# parts of the names of metrics of which less is better
_LOWER = re.compile(
    r"(?:^|[^a-z])(?:bits|brier|cer|errors?|loss|mae|mse|nll|no|perplexity|ppl|rmse|ter|truncated|wer)(?:[^a-z]|$)"
)


class Item(NamedTuple):
    """An answer to one row of the data, and its points.

    Attributes:
        key: the same in every log of the same data: a hash or an id of the row's content, or its position.
        scores: points by metric; None is not scored, which is not the same as wrong.
        repeat: which of several answers to the same row.
        prompt: a hash of all that the model was shown, where the file tells it.
    """

    key: str
    scores: dict[str, float | None]
    question: str | None = None
    reference: str | None = None
    answer: str | None = None
    repeat: int = 0
    prompt: str | None = None


class Log(NamedTuple):
    """The items of one task in one file.

    Attributes:
        task: its name, empty where neither file nor name tells it.
        filter: what took the answer out of the text, where a tool tries several ways.
        positional: keys are positions, so that logs agree only if their questions agree row by row.
        lower: the metrics of which less is better, as far as the tool or their names say so.
        settings: what must be alike for a fair comparison, as far as the file says it.
    """

    path: Path
    tool: str
    task: str
    filter: str
    items: tuple[Item, ...]
    positional: bool = False
    lower: frozenset[str] = frozenset()
    settings: dict[str, str] = {}  # noqa: RUF012 (never changed)


def hash_text(*parts: Any) -> str:
    """Return a hash of texts, and of other values as JSON."""
    texts = (part if isinstance(part, str) else json.dumps(part, ensure_ascii=False, default=str) for part in parts)
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def settle_scores(path: Path, items: Iterable[Item]) -> tuple[Item, ...]:
    """Keep the metrics whose values are numbers in all items; items without a value get None.

    Raises:
        UserError: if no metric is left.
    """
    items = list(items)
    found = dict.fromkeys(name for item in items for name in item.scores)
    kept = [name for name in found if _is_metric([item.scores.get(name) for item in items])]
    if not found:
        raise UserError(f"{path}: its items have no points. Name a log of answers that were scored.")
    if not kept:
        others = (next((v for item in items if not _is_points(v := item.scores.get(name))), None) for name in found)
        held = (f"{name} holds {shorten(other)}" for name, other in zip(found, others, strict=True))
        raise UserError(
            f"{path}: no metric is a number in every item ({list_names(held, quoted=False, most=3)}). Pairs, such as "
            "those of a text's perplexity, and texts cannot be compared item by item. Name a log with points of single "
            "answers; what was not scored is null or empty."
        )
    return tuple(item._replace(scores={name: _read_points(item.scores.get(name)) for name in kept}) for item in items)


def find_lower(items: Sequence[Item], told: dict[str, bool | None] | None = None) -> frozenset[str]:
    """Return the metrics of which less is better: as the tool told (`told`: more is better), or as they sound."""
    known = {name: higher for name, higher in (told or {}).items() if higher is not None}
    return frozenset(name for name in items[0].scores if not known.get(name, not _sounds_lower(name)))


def join_texts(value: Any) -> str | None:
    """Return the text of a question, a reference or an answer: of a text, messages of a chat, or a list of texts."""
    if isinstance(value, dict):
        return join_texts(next((value[name] for name in ("content", "prompt", "text") if name in value), None))
    if isinstance(value, list | tuple):
        return "\n".join(filter(None, map(join_texts, value))) or None
    return None if value is None else str(value)


def name_settings(**settings: Any) -> dict[str, str]:
    """Write the settings that are known as texts."""
    return {name: str(value) for name, value in settings.items() if value is not None}


def hash_prompts(items: Iterable[Item]) -> str | None:
    """Return a short hash of what the model was shown in all items, if the file tells it."""
    prompts = sorted(f"{item.key} {item.prompt}" for item in items if item.prompt)
    return hash_text(*prompts)[:12] if prompts else None


def find_model(path: Path, folder: str) -> str | None:
    """Return the name of the model, after which tools call the folders between `folder` and the file."""
    parts = path.absolute().parent.parts
    return "/".join(parts[len(parts) - parts[::-1].index(folder) :]) or None if folder in parts else None


def _is_metric(values: list[Any]) -> bool:
    return any(value is not None for value in values) and all(map(_is_points, values))


def _is_points(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _read_points(value: float | None) -> float | None:
    return None if value is None or value != value else float(value)  # NaN is what a tool did not score


def _sounds_lower(metric: str) -> bool:
    return _LOWER.search(metric.lower()) is not None
