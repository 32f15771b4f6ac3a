"""Judge what the config says of comparing runs: pairs that name no run, that compare a run with itself, or repeat."""

from collections.abc import Iterator
from typing import Any

from tunelab.config.drafts import Draft, Problem
from tunelab.config.study import read_contrast
from tunelab.config.wording import refuse_name, show
from tunelab.values import list_names

Path = tuple[str | int, ...]


def check_contrasts(config: Draft) -> Iterator[Problem]:
    """Check that every pair names two different runs, and that no pair stands twice for a task, in either order."""
    seen: dict[frozenset[str], list[list[str] | None]] = {}
    for index, entry in enumerate(config.comparison.contrasts):
        pair, tasks = read_contrast(entry)
        path = ("comparison", "contrasts", index)
        place = path if isinstance(entry, tuple) else (*path, "runs")
        found = [*_check_pair(config, place, pair), *_check_tasks(config, (*path, "tasks"), tasks)]
        yield from found
        if found:
            continue
        for others in seen.setdefault(frozenset(pair), []):
            shared = _intersect(tasks, others)
            if shared is None or shared:
                where = f" on {list_names(shared, quoted=False)}" if shared else ""
                text = f"{show(pair[0])} and {show(pair[1])} are compared already{where}; take one of the two pairs out"
                yield Problem(place, text)
                break
        seen[frozenset(pair)].append(tasks)


def check_ranking(config: Draft) -> Iterator[Problem]:
    """See that rankings of held-out pairs have a margin; whether preferences are pairs, their rows tell later."""
    formats = [config.datasets[config.tasks[task].dataset].prepare.format for task in config.study.tasks]
    if "preference" in formats and "ranking" not in config.comparison.margins:
        text = (
            "is required: the difference in ranking accuracy below which two runs are equivalent; write ranking: 0.02"
        )
        yield Problem(("comparison", "margins", "ranking"), text)


def _check_pair(config: Draft, path: Path, pair: Any) -> Iterator[Problem]:
    if len(pair) != 2:
        yield Problem(path, f"must name two runs, [run, against] (got {show(pair)})")
        return
    known = config["runs"]
    unknown = [name for name in pair if name not in known]
    if unknown:
        yield Problem(path, refuse_name(f"there is no run {show(unknown[0])}", unknown[0], known))
    elif pair[0] == pair[1]:
        yield Problem(path, f"compares {show(pair[0])} with itself; name two runs")


def _check_tasks(config: Draft, path: Path, tasks: list[str] | None) -> Iterator[Problem]:
    known = config["tasks"]
    for name in dict.fromkeys(tasks or ()):
        if name not in known:
            yield Problem(path, refuse_name(f"there is no task {show(name)}", name, known))


def _intersect(tasks: list[str] | None, others: list[str] | None) -> list[str] | None:
    """Return the tasks that both name; None, which stands for all, where both do not name any."""
    if tasks is None or others is None:
        return others if tasks is None else tasks
    return [name for name in tasks if name in others]
