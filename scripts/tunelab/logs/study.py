"""Lay joined logs out as a study's artefacts, so that comparison, figures and page treat them like any other study.

Each arm becomes a run whose method is `imported`, each of its logs a seed of it, and each metric of a task a task of
its own, whose kind says what its one metric is (`config.metrics.LOGGED`).
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tunelab import records
from tunelab.config.metrics import LOGGED
from tunelab.config.study import IMPORTED
from tunelab.errors import UserError
from tunelab.layout import LOGS, Layout
from tunelab.logs.joining import Arms, Joined
from tunelab.logs.overlay import Overlay

MARGIN = 0.02  # of the range of the scores: what counts as no difference, unless the overlay says something else
TITLE = "Comparison of evaluation logs"
_HASH = re.compile("[0-9a-f]{32,64}")
ITEMS = "items"  # what a task is called that no log names
SHORT = 12  # characters of a hash by which an item is shown, if no other item has the same


def write_study(results: str, arms: Arms, joined: list[Joined], overlay: Overlay) -> dict[str, Any]:
    """Write the artefacts of a study below `results`; return its config, as `Config.describe_study` does.

    Raises:
        UserError: if the overlay names an arm or a task that is not there, or two names become one folder.
    """
    runs, tasks = name_all(arms), dict(zip(name_tasks(joined), joined, strict=True))
    spec = build_spec(results, arms, runs, tasks, overlay)
    layout = Layout(results)
    for task, found in tasks.items():
        ids = name_items([item.key for item in found.items])
        records.write_jsonl(layout.dataset_file(task, "test_dataset.json"), list(map(_build_row, ids, found.items)))
        metric = LOGGED[spec["tasks"][task]["kind"]]
        for arm, run in runs.items():
            for seed, (values, answers) in enumerate(zip(found.values[arm], found.answers[arm], strict=True), 1):
                scores = [{"id": name, metric: value} for name, value in zip(ids, values, strict=True)]
                records.write_jsonl(layout.task_file(run, seed, task, "scores.jsonl"), scores)
                if spec["tasks"][task]["answered"]:
                    given = [{"id": name, "completion": text} for name, text in zip(ids, answers, strict=True)]
                    records.write_jsonl(layout.task_file(run, seed, task, "answers.jsonl"), given)
    records.write_json(layout.root / LOGS, describe_logs(arms, runs, tasks))
    return spec


def name_all(arms: Mapping[str, object]) -> dict[str, str]:
    """Return the folder's name of each arm."""
    names = {arm: _make_name(arm) for arm in arms}
    twice = [name for name, count in Counter(names.values()).items() if count > 1]
    if twice:
        same = " and ".join(arm for arm, name in names.items() if name == twice[0])
        raise UserError(f"FILES: {same} differ only in signs that a folder's name does not keep; rename one of them.")
    return names


def name_tasks(joined: list[Joined]) -> list[str]:
    """Name each task: by the task of the logs, and by filter and metric where it has several."""
    filters = {(found.task, found.filter) for found in joined}
    metrics = {(found.task, found.filter, found.metric) for found in joined}
    names = []
    for found in joined:
        parts = [found.task or ITEMS]
        if sum(task == found.task for task, _ in filters) > 1:
            parts.append(found.filter or "none")
        if sum(place[:2] == (found.task, found.filter) for place in metrics) > 1:
            parts.append(found.metric)
        names.append("_".join(map(_make_name, parts))[:60])
    if len(set(names)) < len(names):  # of names that differ only in signs
        names = [f"{name}_{number}" for number, name in enumerate(names, 1)]
    return names


def name_items(keys: list[str]) -> list[str]:
    """Name each item so that no two are called the same; hashes are shortened where that keeps them apart."""
    if all(map(_HASH.fullmatch, keys)) and len({key[:SHORT] for key in keys}) == len(set(keys)):
        keys = [key[:SHORT] for key in keys]
    seen: Counter[str] = Counter()
    names = []
    for key in keys:
        seen[key] += 1
        names.append(key if seen[key] == 1 else f"{key} ({seen[key]})")
    return names


def build_spec(
    results: str, arms: Arms, runs: dict[str, str], tasks: dict[str, Joined], overlay: Overlay
) -> dict[str, Any]:
    """Build the study's config; the first arm is what the others are compared with, unless the overlay says more."""
    counts = {runs[arm]: len(next(iter(tasks.values())).values[arm]) for arm in runs}
    first, *others = runs.values()
    kinds = {task: find_kind(found) for task, found in tasks.items()}
    spec = {
        "study": {
            "title": TITLE,
            "language": "en",
            "results": results,
            "runs": list(runs.values()),
            "seeds": list(range(1, max(counts.values()) + 1)),
            "run_seeds": {run: list(range(1, count + 1)) for run, count in counts.items()},
            "tasks": list(tasks),
            "smoke": False,
        },
        "models": {},
        "datasets": {},
        "samples": {},
        "runs": {
            run: {
                "label": arm,
                "method": IMPORTED,
                "model": None,
                "files": sorted({log.path.name for log in arms[arm]}),
            }
            for arm, run in runs.items()
        },
        "tasks": {
            task: {
                "label": label_task(found),
                "dataset": task,
                "kind": kinds[task],
                "answered": all(text is not None for logs in found.answers.values() for row in logs for text in row),
            }
            for task, found in tasks.items()
        },
        "comparison": {
            "contrasts": [[run, first] for run in others],
            "margins": {metric: find_margin(kind, kinds, tasks) for kind, metric in LOGGED.items()},
        },
        "tuning": None,
        "trajectory": None,
        "noise": None,
        "drift": None,
    }
    return overlay.apply(spec, runs)


def find_kind(found: Joined) -> str:
    """Return the kind of a task, by which its one metric is chosen (`LOGGED`)."""
    if found.is_share and not found.lower:
        return "right"
    return "penalty" if found.lower else "points"


def label_task(found: Joined) -> str:
    """Return what the page calls a task: `gsm8k, exact_match (strict-match)`."""
    named = f"{found.task}, {found.metric}" if found.task else found.metric
    return f"{named} ({found.filter})" if found.filter else named


def find_margin(kind: str, kinds: dict[str, str], tasks: dict[str, Joined]) -> float:
    """Return MARGIN of the narrowest range that scores of this kind of task have."""
    if kind == "right":
        return MARGIN
    ranges = []
    for task in (task for task in tasks if kinds[task] == kind):
        values = [value for logs in tasks[task].values.values() for row in logs for value in row]
        ranges.append(max(values) - min(values))
    return MARGIN * (min(filter(None, ranges), default=0) or 1)


def describe_logs(arms: Arms, runs: dict[str, str], tasks: dict[str, Joined]) -> dict[str, Any]:
    """Describe where the numbers come from: each arm's files, and for each task which items all of them have."""
    return {
        "files": [
            {"run": runs[arm], "file": str(path), "tool": tool}
            for arm, logs in arms.items()
            for path, tool in dict.fromkeys((log.path, log.tool) for log in logs)
        ],
        "tasks": {
            task: {
                "task": found.task,
                "filter": found.filter,
                "metric": found.metric,
                "lower": found.lower,
                "n": len(found.items),
                "all": found.all_items,
                "rows": {runs[arm]: rows for arm, rows in found.rows.items()},
                "prompted": found.prompted or 0,
                "missing": {
                    runs[arm]: {"count": gone.count, "names": name_items(gone.names)}
                    for arm, gone in found.missing.items()
                },
                "bounds": {runs[arm]: list(ends) for arm, ends in found.bounds.items()},
                "differing": {
                    name: {runs[arm]: told for arm, told in values.items()} for name, values in found.differing.items()
                },
            }
            for task, found in tasks.items()
        },
    }


def _build_row(name: str, item: Any) -> dict[str, Any]:
    said = [
        {"role": "user", "content": item.question or item.key},
        {"role": "assistant", "content": item.reference or ""},
    ]
    return {"id": name, "messages": said}


def _make_name(text: str) -> str:
    """Make a name that is a folder everywhere."""
    name = re.sub(r"[^a-z0-9_.-]+", "_", text.lower()).strip("_.-")
    return name[:60] or "arm"
