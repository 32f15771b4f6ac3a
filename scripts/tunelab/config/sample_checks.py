"""Judge what the config says of drawn answers, and of runs that learn from them."""

from collections.abc import Iterator
from typing import Any

from tunelab.config.drafts import Draft, Problem
from tunelab.config.row_fields import CHECKABLE, NO_NUMBERS
from tunelab.config.run_checks import list_sources
from tunelab.config.specs.training import CHOICE
from tunelab.config.wording import show

Found = Iterator[Problem]


def fill_datasets(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the raw config with the data set of drawn answers in runs that learn from them and name none."""
    drawn, runs = raw.get("samples"), raw.get("runs")
    if not isinstance(drawn, dict) or not isinstance(runs, dict):
        return raw
    filled = {
        name: {"dataset": drawn[run["samples"]]["dataset"], **run} if _lacks_dataset(run, drawn) else run
        for name, run in runs.items()
    }
    return raw | {"runs": filled}


def _lacks_dataset(run: Any, drawn: dict) -> bool:
    if not isinstance(run, dict) or "dataset" in run or not isinstance(run.get("samples"), str):
        return False
    entry = drawn.get(run["samples"])
    return isinstance(entry, dict) and "dataset" in entry


def _check_checkable(config: Draft, path: tuple, entry: Draft) -> Found:
    if config.datasets[entry.dataset].prepare.format not in CHECKABLE:
        yield Problem((*path, "dataset"), f"drawn answers are checked, and {show(entry.dataset)} {NO_NUMBERS}")


def _check_weights(config: Draft, path: tuple, entry: Draft) -> Found:
    if not any(entry.rewards.weights[name] for name in entry.rewards.weights):
        yield Problem((*path, "rewards", "weights"), "all are 0, so that all answers are worth the same")


def _check_loop(config: Draft, path: tuple, entry: Draft) -> Found:
    """An entry's run must not have learnt, by whatever ways, from the entry itself."""
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


SAMPLE_CHECKS = (_check_checkable, _check_weights, _check_loop)
LEARNER_CHECKS = (_check_choice, _check_dataset)
