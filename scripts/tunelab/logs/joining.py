"""Join the logs of several arms item by item, so that only what all arms were scored on is compared.

An item is found again by its key (a hash or an id) and, of equal keys, by how many came before it; never by its place
in the file, since tools shuffle, limit and re-order rows. Where a log has nothing but places, its questions must agree.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from tunelab.errors import UserError
from tunelab.logs.log import Item, Log
from tunelab.values import list_names

Place = tuple[str, str]  # a task and a filter
Key = tuple[str, int]  # and how many items of the same key came before
Arms = Mapping[str, Sequence[Log]]  # of each arm one log for each training
SHOWN = 5  # missing items that are named
# settings that change what a score means: arms that differ in one of them are no arms of one comparison
SAME = ("version",)
# settings that differ rightly, or are compared item by item
OWN = ("model", "prompts")


class Answered(NamedTuple):
    """An item of one log: its points by metric, the mean over repeats, and the item with the first answer."""

    scores: dict[str, float | None]
    item: Item


class Missing(NamedTuple):
    """Items that an arm has not, or not in all its logs, though another arm has them."""

    count: int
    names: list[str]


class Joined(NamedTuple):
    """One metric of one task, on the items that every log of every arm has a score for.

    values: by arm, for each of its logs the points of the items, in the order of `items`.
    bounds: by arm, the mean over all items that any log has, if each missing score were the lowest, or the highest.
    differing: settings in which the arms differ, by name, and what each arm says.
    prompted: of how many items the models were not shown the same text; None if a log does not tell.
    """

    task: str
    filter: str
    metric: str
    is_share: bool
    lower: bool
    items: list[Item]
    values: dict[str, list[list[float]]]
    answers: dict[str, list[list[str | None]]]
    rows: dict[str, list[int]]
    all_items: int
    missing: dict[str, Missing]
    bounds: dict[str, tuple[float, float]]
    differing: dict[str, dict[str, str]]
    prompted: int | None


def join_arms(arms: Arms, wanted: Sequence[str] = (), tasks: Sequence[str] = ()) -> list[Joined]:
    """Join the logs of arms, one entry for each task, filter and metric that all arms have.

    Args:
        arms: each arm's logs, of any number of tasks.
        wanted: names of metrics; none for all.
        tasks: names of tasks; none for all.

    Raises:
        UserError: if arms have nothing in common, or nothing that can be compared.
    """
    by_place = {arm: _group_logs(arm, logs) for arm, logs in arms.items()}
    shared = [place for place in next(iter(by_place.values())) if all(place in found for found in by_place.values())]
    if not shared:
        told = "; ".join(f"{arm}: {_list_names(map(_name_place, found))}" for arm, found in by_place.items())
        raise UserError(f"The arms have no task in common ({told}). Give logs of the same task for every arm.")
    names = list(dict.fromkeys(task for task, _ in shared))
    if unknown := next((task for task in tasks if task not in names), None):
        raise UserError(f"TASKS: {unknown} is not in the logs of every arm. These are: {_list_names(names)}.")
    shared = [place for place in shared if not tasks or place[0] in tasks]
    joined = []
    for place in shared:
        joined += _join_place(place, {arm: found[place] for arm, found in by_place.items()}, wanted)
    if not joined:
        found = sorted({metric for logs in arms.values() for log in logs for metric in list_metrics(log)})
        what = f"no arm has {list_names(wanted)} in all its logs" if wanted else "no metric is in all logs"
        raise UserError(f"There is nothing to compare: {what}. The logs have: {_list_names(found)}.")
    _check_counts(joined)
    return joined


def list_metrics(log: Log) -> list[str]:
    """List the metrics by which at least one item is scored, in the order of the log."""
    found: dict[str, None] = {}
    for item in log.items:
        found |= {metric: None for metric, value in item.scores.items() if value is not None}
    return list(found)


def _group_logs(arm: str, logs: Iterable[Log]) -> dict[Place, list[Log]]:
    found: dict[Place, list[Log]] = {}
    for log in logs:
        own = found.setdefault((log.task, log.filter), [])
        same = next((other for other in own if other.items == log.items), None)
        if same:
            raise UserError(
                f"{log.path} and {same.path} of {arm} have the same answers and scores. Each file of an arm stands for "
                "a training of its own, so give each only once."
            )
        own.append(log)
    return found


def _check_counts(joined: list[Joined]) -> None:
    """Refuse an arm that has more logs of one task than of another, and arms with several logs that have other numbers.

    The first log of an arm is compared with the first of another, the second with the second, like a study's seeds.
    """
    first = joined[0]
    counts = {arm: len(logs) for arm, logs in first.values.items() if len(logs) > 1}
    if len(set(counts.values())) > 1:
        told = list_names([f"{arm}: {count}" for arm, count in counts.items()], quoted=False)
        raise UserError(
            f"The arms have different numbers of logs of {first.task} ({told}), and logs are compared one by one, like "
            "the seeds of a study. Give each arm as many files, or one."
        )
    for other in joined[1:]:
        for arm, logs in other.values.items():
            if len(logs) != len(first.values[arm]):
                raise UserError(
                    f"{arm} has {len(first.values[arm])} logs of {first.task} and {len(logs)} of {other.task}. Give as "
                    "many files of each task, one for each training, or compare one task at a time."
                )


def _join_place(place: Place, arms: Arms, wanted: Sequence[str]) -> list[Joined]:
    logs = [log for own in arms.values() for log in own]
    _check_settings(place, arms)
    found = {log.path: _read_items(log) for log in logs}
    if any(log.positional for log in logs):
        _check_questions(logs, found)
    metrics = [metric for metric in list_metrics(logs[0]) if all(metric in list_metrics(log) for log in logs[1:])]
    return [_join_metric(place, metric, arms, found) for metric in metrics if not wanted or metric in wanted]


def _join_metric(place: Place, metric: str, arms: Arms, found: dict[Path, dict[Key, Answered]]) -> Joined:
    """Join a metric on the items that each log has a score for; one that is not scored is not wrong, but missing."""
    scored = {
        path: {key: value for key, row in rows.items() if (value := row.scores.get(metric)) is not None}
        for path, rows in found.items()
    }
    points = {arm: [scored[log.path] for log in own] for arm, own in arms.items()}
    everything = list(dict.fromkeys(key for rows in found.values() for key in rows))
    common = [key for key in everything if all(key in values for values in scored.values())]
    if len(common) < 2:
        raise UserError(_explain_disjoint(place, metric, len(common), points))
    known = [value for values in scored.values() for value in values.values()]
    is_share = set(known) <= {0.0, 1.0}
    span = (0.0, 1.0) if is_share else (min(known), max(known))
    lacking = {arm: _find_missing(everything, logs) for arm, logs in points.items()}
    answers = {arm: [[found[log.path][key].item.answer for key in common] for log in own] for arm, own in arms.items()}
    first = found[next(iter(arms.values()))[0].path]
    return Joined(
        task=place[0],
        filter=place[1],
        metric=metric,
        is_share=is_share,
        lower=any(metric in log.lower for own in arms.values() for log in own),
        items=[first[key].item for key in common],
        values={arm: [[values[key] for key in common] for values in logs] for arm, logs in points.items()},
        answers=answers,
        rows={arm: [len(values) for values in logs] for arm, logs in points.items()},
        all_items=len(everything),
        missing={arm: gone for arm, gone in lacking.items() if gone.count},
        bounds={arm: _bound(logs, everything, span) for arm, logs in points.items()},
        differing=_find_differing(arms),
        prompted=_count_prompts(common, [found[log.path] for own in arms.values() for log in own]),
    )


def _read_items(log: Log) -> dict[Key, Answered]:
    """Return the items of a log by their keys, repeats of an item joined to one."""
    groups: dict[Key, list[Item]] = {}
    seen: Counter[tuple[int, str]] = Counter()
    for item in log.items:
        place = seen[item.repeat, item.key]
        seen[item.repeat, item.key] += 1
        groups.setdefault((item.key, place), []).append(item)
    most = max(map(len, groups.values()), default=0)
    short = next((key for key, items in groups.items() if len(items) < most), None)
    if short:
        raise UserError(
            f"{log.path}: item {short[0]} has {len(groups[short])} answers and others have {most}. The log is not "
            "complete: evaluate again, or leave out the items that have fewer."
        )
    return {key: Answered(_average(items), items[0]) for key, items in groups.items()}


def _average(items: list[Item]) -> dict[str, float | None]:
    """Return the mean of each metric over the repeats that have it; None if none has."""
    if len(items) == 1:
        return items[0].scores
    found: dict[str, list[float]] = {}
    for item in items:
        for metric, value in item.scores.items():
            found.setdefault(metric, [])
            if value is not None:
                found[metric].append(value)
    return {metric: fmean(values) if values else None for metric, values in found.items()}


def _check_settings(place: Place, arms: Arms) -> None:
    differing = _find_differing(arms)
    for name in SAME:
        if name in differing:
            told = ", ".join(f"{arm}: {value}" for arm, value in differing[name].items())
            raise UserError(
                f"{_name_place(place)}: the logs are of different versions of the task ({told}), which need not "
                "score alike. Evaluate all arms with one version."
            )


def _find_differing(arms: Arms) -> dict[str, dict[str, str]]:
    """Find the settings in which logs differ; a setting that some log does not tell is not compared."""
    logs = [log for own in arms.values() for log in own]
    told = [name for name in logs[0].settings if all(name in log.settings for log in logs)]
    names = [name for name in told if name not in OWN]
    return {
        name: {arm: _list_names({log.settings[name] for log in own}) for arm, own in arms.items()}
        for name in names
        if len({log.settings[name] for log in logs}) > 1
    }


def _check_questions(logs: list[Log], found: dict) -> None:
    """Refuse logs whose keys are places if the same place holds different questions."""
    asked: dict[Key, tuple[str, Log]] = {}
    for log in logs:
        for key, row in found[log.path].items():
            question = row.item.question
            if question is None:
                continue
            first, other = asked.setdefault(key, (question, log))
            if first != question:
                raise UserError(
                    f"Row {key[0]} of {log.path} asks something else than row {key[0]} of {other.path}. {log.tool} "
                    "names items by their places only, so all arms must be evaluated on the same rows in one order."
                )
    if not asked:
        raise UserError(
            f"{logs[0].path} names its items by their places only and has no questions, so nothing shows that the arms "
            "answered the same ones. Give logs with an id or the question in each row."
        )


def _explain_disjoint(place: Place, metric: str, common: int, points: dict[str, list[dict[Key, float]]]) -> str:
    told = "; ".join(f"{arm}: {len(logs[0])} items" for arm, logs in points.items())
    fewer = "only one item" if common else "no item"
    return (
        f"{_name_place(place)}, {metric}: the arms have {fewer} in common that all of them were scored on ({told}). "
        "They were evaluated on other rows, or with another version of the task or data; evaluate them on the same."
    )


def _find_missing(everything: list[Key], logs: list[dict[Key, float]]) -> Missing:
    gone = [key for key in everything if not all(key in values for values in logs)]
    return Missing(len(gone), [name for name, _ in gone[:SHOWN]])


def _count_prompts(common: list[Key], logs: list[dict[Key, Answered]]) -> int | None:
    shown = [{rows[key].item.prompt for rows in logs} for key in common]
    return None if any(None in prompts for prompts in shown) else sum(len(prompts) > 1 for prompts in shown)


def _bound(logs: list[dict[Key, float]], everything: list[Key], span: tuple[float, float]) -> tuple[float, float]:
    """Return an arm's mean over all items if its missing scores were all at the low end of the span, or the high."""
    low, high = (fmean(fmean(values.get(key, end) for key in everything) for values in logs) for end in span)
    return low, high


def _name_place(place: Place) -> str:
    task, filtered = place
    return f"{task} ({filtered})" if filtered else task or "logs without a task"


def _list_names(names: Iterable[str]) -> str:
    return list_names(sorted(names), quoted=False) or "nothing"
