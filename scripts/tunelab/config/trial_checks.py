"""Check the section on tuning: that grids name fields that can be tried, and that every run gets the same effort."""

from collections.abc import Iterator
from typing import Any

from tunelab.config.arguments import parse_value
from tunelab.config.chosen_settings import SECTIONS
from tunelab.config.drafts import Draft, Problem, collect
from tunelab.config.trials import find_task, list_settings
from tunelab.config.wording import refuse_name, refuse_value, show

Found = Iterator[Problem]
BEFORE = "is read before any training, so it cannot be one of several"
# fields that no grid may have, and why
FIXED = {
    **dict.fromkeys(
        ("training.max_length", "training.max_completion_length", "adapter.num_virtual_tokens", "training.optim"),
        BEFORE,
    ),
    "adapter.peft_type": "decides which fields there are; write one run for each type",
    **dict.fromkeys(
        ("training.load_best_model_at_end", "training.eval_strategy", "training.eval_steps"),
        "decides by which rows steps are chosen, which must be the same for all trials",
    ),
    "training.save_steps": "changes no result",
}


def check_tuning(config: Draft) -> Found:
    """Check everything about tuning that a single value does not tell."""
    tuning = config.get("tuning")
    if tuning is None:
        return
    seeds = tuning.right.get("seeds", ())
    for seed in dict.fromkeys(seeds):
        if seeds.count(seed) > 1:
            yield Problem(("tuning", "seeds"), f"{seed} is listed twice")
        if seed in config.study.right.get("seeds", ()):
            text = f"{seed} is a seed of the study; settings that were chosen with it would be tested on it"
            yield Problem(("tuning", "seeds"), f"{text}, so take others")
    for run, grid in tuning.runs.right.items():
        yield from collect(_check_run(config, tuning, run, grid))


def _check_run(config: Draft, tuning: Draft, run: str, grid: Any) -> Found:
    here, runs = ("tuning", "runs", run), config.runs
    if run not in runs:
        yield Problem(here, refuse_name(f"there is no run {show(run)}", run, runs))
        return
    if runs[run].method == "base":
        yield Problem(here, "is not trained, so it has nothing to try; leave it out")
        return
    values = grid.right if isinstance(grid, Draft) else {}
    wrong = [problem for field in values for problem in _check_field((*here, field), runs[run], field, values[field])]
    yield from wrong
    if not wrong and not (isinstance(grid, Draft) and grid.wrong):
        yield from _check_effort(here, tuning, len(list_settings(values)))
        yield from _check_task(here, config, tuning, run)


def _check_field(path: tuple, run: Draft, field: str, values: Any) -> Found:
    section, _, name = field.partition(".")
    if section not in SECTIONS or not name or "." in name:
        demand = "must be a field of the run's training or adapter, such as training.learning_rate"
        yield Problem(path, refuse_value(demand, field))
    elif section == "adapter" and run.adapter is None:
        yield Problem(path, "the run has no adapter of its own; tune the one that it starts from")
    elif field in FIXED:
        yield Problem(path, FIXED[field])
    elif not values:
        yield Problem(path, "must be a list of values to try")
    elif len(values) != len({show(parse_value(value)) for value in values}):
        yield Problem(path, f"a value is listed twice (got {show(list(values))})")


def _check_effort(here: tuple, tuning: Draft, settings: int) -> Found:
    if settings < 2:
        yield Problem(here, "has one setting, and there is nothing to choose; name several values, or leave it out")
    elif settings < tuning.trials and not tuning.unequal:
        text = f"has {settings} settings, and every tuned run gets {tuning.trials} trials; add values"
        yield Problem(here, f"{text}, lower tuning.trials, or write tuning.unequal: true, which the report tells")


def _check_task(here: tuple, config: Draft, tuning: Draft, run: str) -> Found:
    task = find_task(config, run)
    if task is None:
        text = (
            f"no task asks the data set {show(config.runs[run].dataset)}, on whose validation rows trials are compared"
        )
        yield Problem(here, f"{text}; define one")
        return
    if tuning.select.samples and config.tasks[task].kind != "maths":
        text = f"the answers of {task}, on which {run} is tuned, are not right or wrong, so their mean says nothing"
        yield Problem(("tuning", "select", "samples"), f"{text}; leave it out")
