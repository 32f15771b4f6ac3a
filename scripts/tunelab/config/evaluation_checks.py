"""Check for contradictions in the sections on measuring: contrasts, drawn answers, tasks, drift, noise."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunelab.config.drafts import Draft, Problem
from tunelab.config.formats import explain_numbers, find_format
from tunelab.config.run_checks import list_sources
from tunelab.config.specs.training import CHOICE
from tunelab.config.study import read_contrast
from tunelab.config.waypoints import find_waypoint
from tunelab.config.wording import refuse_name, refuse_value, show
from tunelab.values import list_names

Found = Iterator[Problem]
KeyPath = tuple[str | int, ...]
# settings of sampling, and the values by which they change nothing
DRAWN = {"temperature": 1.0, "top_p": 1.0, "top_k": 0}


def check_contrasts(config: Draft) -> Iterator[Problem]:
    """Check that every contrast names two different runs, and that no pair is listed twice for a task."""
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


def check_looks(config: Draft) -> Iterator[Problem]:
    """Check that looks end with all seeds of the study, share out all they may spend, and have contrasts to decide."""
    looks, here = config.study.looks, ("study", "looks")
    if looks is None:
        return
    seeds, spend, all_seeds = list(looks.seeds), list(looks.spend), len(config.study.seeds)
    if seeds != sorted(set(seeds)):
        yield Problem((*here, "seeds"), refuse_value("must rise from look to look", seeds))
    elif seeds[-1] != all_seeds:
        text = f"the last look has all seeds, and study.seeds lists {all_seeds}; end with that, or list others there"
        yield Problem((*here, "seeds"), f"{text} (got {show(seeds)})")
    elif seeds[0] < 2:
        text = "the first look needs at least 2 seeds, since one does not show how far another could lie"
        yield Problem((*here, "seeds"), f"{text} (got {show(seeds)})")
    if len(spend) != len(seeds):
        yield Problem((*here, "spend"), f"needs one number for each of the {len(seeds)} looks (got {show(spend)})")
    elif min(spend) <= 0:
        yield Problem((*here, "spend"), refuse_value("must be above 0 at every look", spend))
    elif not math.isclose(sum(spend), 1, abs_tol=1e-9):
        yield Problem((*here, "spend"), f"must add up to 1, not to {round(sum(spend), 9):g} (got {show(spend)})")
    if not any(_counts(config, entry) for entry in config.comparison.contrasts):
        text = "looks decide the declared contrasts, and comparison.contrasts has no pair of the study's runs and tasks"
        yield Problem(here, f"{text}; name one there, or set looks to null")


def _counts(config: Draft, entry: Any) -> bool:
    """Tell whether a contrast compares runs of the study on one of its tasks."""
    pair, tasks = read_contrast(entry)
    return set(pair) <= set(config.study.runs) and (tasks is None or not set(tasks).isdisjoint(config.study.tasks))


def check_ranking(config: Draft) -> Iterator[Problem]:
    """Check that rankings have a margin if a task has preferences; whether they are pairs, rows tell later."""
    rows = [find_format(config, config.tasks[task].dataset).rows for task in config.study.tasks]
    if "preferences" in rows and "ranking" not in config.comparison.margins:
        text = (
            "is required: the difference in ranking accuracy below which two runs are equivalent; write ranking: 0.02"
        )
        yield Problem(("comparison", "margins", "ranking"), text)


def check_trajectory(config: Draft) -> Iterator[Problem]:
    """Check that the tasks of trajectories are those of the study, and that every run can be followed."""
    section = config.get("trajectory")
    if section is None:
        return
    here = ("trajectory", "tasks")
    for name in section.tasks:
        if name not in config["tasks"]:
            yield Problem(here, refuse_name(f"there is no task {show(name)}", name, config.study.tasks))
        elif name not in config.study.tasks:
            yield Problem(here, f"{show(name)} is not among study.tasks, so no run is compared on it; name others")
    for run in config.runs:
        if waypoint := find_waypoint(run, config.runs):
            yield Problem(("runs", run), f"is the name of a point of {waypoint.run}'s training (trajectory); rename it")
    followed = [run for run in config.study.runs if config.runs[run].method != "base"]
    for run in followed:
        start, model = config.runs[run].get("init_from"), config.runs[run].model
        untouched = [
            name for name in config.study.runs if (config.runs[name].method, config.runs[name].model) == ("base", model)
        ]
        if start not in config.study.runs and (start is not None or not untouched):
            what = show(start) if start else f"an untouched run of {model}"
            yield Problem(
                ("study", "runs"), f"a trajectory shows where {run} began; add {what}, or leave trajectory out"
            )
    for run in followed:
        adapter = config.runs[run].get("adapter")
        if adapter is not None and adapter.get("peft_type") == "ADALORA":
            text = (
                "its ranks change along the way, and only those of the end are known; leave the run or trajectory out"
            )
            yield Problem(("runs", run, "adapter", "peft_type"), text)


def fill_datasets(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the config with the data set of their drawn answers filled in for runs that name none."""
    drawn, runs = raw.get("samples"), raw.get("runs")
    if not isinstance(drawn, dict) or not isinstance(runs, dict):
        return raw
    filled = {
        name: {"dataset": drawn[run["samples"]]["dataset"], **run} if _lacks_dataset(run, drawn) else run
        for name, run in runs.items()
    }
    return raw | {"runs": filled}


def _check_pair(config: Draft, path: KeyPath, pair: Any) -> Iterator[Problem]:
    if len(pair) != 2:
        yield Problem(path, f"must name two runs, [run, against] (got {show(pair)})")
        return
    known = config["runs"]
    unknown = [name for name in pair if name not in known]
    if unknown:
        yield Problem(path, refuse_name(f"there is no run {show(unknown[0])}", unknown[0], known))
    elif pair[0] == pair[1]:
        yield Problem(path, f"compares {show(pair[0])} with itself; name two runs")


def _check_tasks(config: Draft, path: KeyPath, tasks: list[str] | None) -> Iterator[Problem]:
    known = config["tasks"]
    for name in dict.fromkeys(tasks or ()):
        if name not in known:
            yield Problem(path, refuse_name(f"there is no task {show(name)}", name, known))


def _intersect(tasks: list[str] | None, others: list[str] | None) -> list[str] | None:
    """Return the tasks of both contrasts; None stands for all tasks."""
    if tasks is None or others is None:
        return others if tasks is None else tasks
    return [name for name in tasks if name in others]


def _lacks_dataset(run: Any, drawn: dict) -> bool:
    if not isinstance(run, dict) or "dataset" in run or not isinstance(run.get("samples"), str):
        return False
    entry = drawn.get(run["samples"])
    return isinstance(entry, dict) and "dataset" in entry


def _check_checkable(config: Draft, path: tuple, entry: Draft) -> Found:
    if find_format(config, entry.dataset).rows != "numbers":
        yield Problem((*path, "dataset"), f"drawn answers are checked, and {show(entry.dataset)} {explain_numbers()}")


def _check_weights(config: Draft, path: tuple, entry: Draft) -> Found:
    if not any(entry.rewards.weights[name] for name in entry.rewards.weights):
        yield Problem((*path, "rewards", "weights"), "all are 0, so that all answers are worth the same")


def _check_loop(config: Draft, path: tuple, entry: Draft) -> Found:
    """Check that the run that draws answers does not learn from them itself, directly or through other runs."""
    for name in list_sources(config, entry.run):
        if config.runs[name].get("samples") == path[-1]:
            text = f"{show(name)} learns from these answers, and {show(entry.run)} comes from it; draw a second entry"
            yield Problem((*path, "run"), text)
            return


def _check_choice(config: Draft, path: tuple, run: Draft) -> Found:
    for field in sorted(CHOICE & run.given):
        if not run.get("samples"):
            yield Problem((*path, field), "is of drawn answers; name an entry of `samples`, or leave it out")


def _check_dataset(config: Draft, path: tuple, run: Draft) -> Found:
    if run.get("samples") and config.samples[run.samples].dataset != run.dataset:
        drawn = config.samples[run.samples].dataset
        yield Problem(
            (*path, "dataset"), f"{show(run.samples)} answers questions of {show(drawn)}; name that, or leave it out"
        )


def _check_repeated_run(config: Draft) -> Found:
    if config.noise is None:
        return
    name, runs = config.noise.run, config.study.runs
    if name not in runs:
        listed = list_names(runs, quoted=False)
        text = f"{show(name)} is not in study.runs; take a run of the study ({listed}), or set noise to null"
        yield Problem(("noise", "run"), text)


def _check_texts(config: Draft) -> Found:
    if config.drift is None:
        return
    named: dict[str, str] = {}
    for file in config.drift.texts:
        if (stem := Path(file).stem) in named:
            text = (
                f"{show(named[stem])} and {show(file)} have one name; the report tells texts apart by it, so rename one"
            )
            yield Problem(("drift", "texts"), f"{show(file)} is listed twice" if named[stem] == file else text)
        named[stem] = file


def _check_sampling(config: Draft, path: tuple, task: Draft) -> Found:
    if task.sampling is not None and task.kind != "maths":
        yield Problem((*path, "sampling"), f"only maths has answers to count (the kind is {task.kind}); set it to null")


def _check_draws(config: Draft, path: tuple, task: Draft) -> Found:
    if task.sampling is None:
        return
    here, counts = (*path, "sampling", "k"), list(task.sampling.k)
    if counts != sorted(set(counts)):
        yield Problem(here, refuse_value("must rise from number to number", counts))
    if max(counts) > task.sampling.samples:
        text = f"must not be above the number of samples (got {max(counts)} and {task.sampling.samples})"
        yield Problem(here, text)
    if task.sampling.rows == 1 and len(config.study.runs) > 1:
        yield Problem((*path, "sampling", "rows"), "one row compares no runs; raise it, or set it to null for all")


def _check_decoding(config: Draft, path: tuple, task: Draft) -> Found:
    """Check that settings of sampling are given only with `do_sample: true`."""
    generation = task.generation
    if generation.do_sample or "do_sample" in generation.given:
        return
    for field, neutral in DRAWN.items():
        if field in generation.given and generation[field] != neutral:
            text = "does nothing without do_sample: true; write that, or leave it out"
            yield Problem((*path, "generation", field), text)


SAMPLE_CHECKS = (_check_checkable, _check_weights, _check_loop)
LEARNER_CHECKS = (_check_choice, _check_dataset)
EVALUATION_CHECKS = (_check_repeated_run, _check_texts)
TASK_CHECKS = (_check_sampling, _check_draws, _check_decoding)
