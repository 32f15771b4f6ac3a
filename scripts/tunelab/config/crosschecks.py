"""Run all checks that need several values of the config: names that do not exist, and contradictions.

A check ends where it reads a wrong value (`drafts.Unknown`), so that no mistake is followed by others that it causes.
Here are the checks of references, data sets and tasks; those of runs and of measuring are in other `*_checks` modules.
"""

from collections.abc import Iterator

from tunelab.config.drafts import Draft, Problem, collect
from tunelab.config.evaluation_checks import (
    EVALUATION_CHECKS,
    LEARNER_CHECKS,
    SAMPLE_CHECKS,
    TASK_CHECKS,
    check_contrasts,
    check_looks,
    check_ranking,
    check_trajectory,
)
from tunelab.config.fields import check_fields
from tunelab.config.formats import FORMATS, explain_numbers, find_format, list_formats
from tunelab.config.functions import FUNCTION_CHECKS, check_kept, check_metrics, check_rewards
from tunelab.config.method_checks import (
    check_asked,
    check_budget,
    check_distillation,
    check_idle,
    check_learnt,
    check_neutral,
    holds_texts,
)
from tunelab.config.models import MODEL_CHECKS
from tunelab.config.run_checks import RUN_CHECKS
from tunelab.config.training_checks import check_training
from tunelab.config.trial_checks import check_tuning
from tunelab.config.wording import refuse_name, show
from tunelab.layout import FOLDERS, RUN_PARTS

Found = Iterator[Problem]
# fields that name an entry of another table, or of one of two
REFERENCES = {
    "runs": {
        **{"model": ("models",), "dataset": ("datasets",), "init_from": ("runs",), "samples": ("samples",)},
        "teacher": ("runs", "models"),
    },
    "samples": {"run": ("runs",), "dataset": ("datasets",)},
    "tasks": {"dataset": ("datasets",)},
}


def list_problems(config: Draft) -> list[Problem]:
    """Return the problems that all checks find; names and libraries' fields are checked first."""
    found = [problem for table in REFERENCES for problem in _check_entries(config, table, (_check_names,))]
    for field in ("runs", "tasks"):
        found += collect(_check_selection(config, field))
    found += _check_entries(config, "runs", (check_fields,))
    for check in STUDY_CHECKS:
        found += collect(check(config))
    for table, checks in TABLE_CHECKS.items():
        found += _check_entries(config, table, checks)
    return found


def _check_entries(config: Draft, table: str, checks: tuple) -> list[Problem]:
    """Run every check on every entry of a table: `check(config, path, entry)`."""
    entries = getattr(config.right.get(table), "right", {})  # a table that is not given is no draft
    return [
        problem
        for name, entry in entries.items()
        for check in checks
        for problem in collect(check(config, (table, name), entry))
    ]


def _check_names(config: Draft, path: tuple, entry: Draft) -> Found:
    for field, tables in REFERENCES[path[0]].items():
        yield from collect(_look_up(config, (*path, field), entry, tables))


def _look_up(config: Draft, path: tuple, entry: Draft, tables: tuple[str, ...]) -> Found:
    name, known = entry.get(path[-1]), [name for table in tables for name in config[table]]
    if name is not None and name not in known:
        entry.wrong.add(path[-1])
        kind = " or ".join("entry of samples" if table == "samples" else table[:-1] for table in tables)
        yield Problem(path, refuse_name(f"there is no {kind} {show(name)}", name, known))


def _check_selection(config: Draft, field: str) -> Found:
    names, known = config.study[field], config[field]
    config.study.right[field] = tuple(name for name in names if name in known)
    for name in names:
        if name not in known:
            config.study.wrong.add(field)  # what was meant is not known, so nothing else is said about it
            yield Problem(("study", field), refuse_name(f"there is no {field[:-1]} {show(name)}", name, known))


def _check_repeats(config: Draft) -> Found:
    for field in ("runs", "seeds", "tasks"):
        listed = config.study.right.get(field, ())
        for name in dict.fromkeys(name for name in listed if listed.count(name) > 1):
            yield Problem(("study", field), f"{show(name)} is listed twice")


def _check_labels(config: Draft) -> Found:
    for field in ("runs", "tasks"):
        first: dict[str, str] = {}
        for name in config.study.right.get(field, ()):
            label = config[field].right[name].right.get("label") if name in config[field].right else None
            if label is not None and first.setdefault(label, name) != name:
                text = f"{show(label)} is the label of {show(first[label])} too; the report tells them apart by it"
                yield Problem((field, name, "label"), text)


def _check_results(config: Draft) -> Found:
    _, *folders = config.study.results.split("/")
    for folder in set(FOLDERS).intersection(folders):
        text = f"{show(folder)} is the name of a folder inside studies; take another (got {show(config.study.results)})"
        yield Problem(("study", "results"), text)


def _check_steps(config: Draft, path: tuple, dataset: Draft) -> Found:
    fetch = dataset.fetch
    if fetch.source == "generated" and fetch.min_steps > fetch.max_steps:
        text = f"must not be above max_steps (got {fetch.min_steps} and {fetch.max_steps})"
        yield Problem((*path, "fetch", "min_steps"), text)


def _check_columns(config: Draft, path: tuple, dataset: Draft) -> Found:
    columns, form = dataset.prepare.columns, FORMATS[dataset.prepare.format]
    for field in columns:
        if field not in form.fields:
            text = refuse_name(f"is no field of the format {dataset.prepare.format}", field, form.fields)
            yield Problem((*path, "prepare", "columns", field), text)
    if sum(not set(fields).isdisjoint(columns) for _, fields in form.either) > 1:
        kinds = ", or ".join(name for name, _ in form.either)
        yield Problem((*path, "prepare", "columns"), f"rows have {kinds}; map the columns of one kind")


def _check_example(config: Draft, path: tuple, dataset: Draft) -> Found:
    if dataset.prepare.one_shot and find_format(config, path[-1]).rows != "numbers":
        known = " and ".join(list_formats("numbers"))
        text = f"only {known} have a worked example to show (the format is {dataset.prepare.format})"
        yield Problem((*path, "prepare", "one_shot"), text)


def _check_training_rows(config: Draft, path: tuple, dataset: Draft) -> Found:
    """Check that validation and test leave rows to train on, as far as the config alone tells."""
    fetch, prepare = dataset.fetch, dataset.prepare
    own_test = fetch.source == "generated" or fetch.get("test_split") or fetch.get("test_files")
    asked = not own_test and not holds_texts(config, path[-1])
    taken = {"validation": prepare.validation} | ({"test": prepare.test} if asked else {})
    most = min(filter(None, (prepare.limit, fetch.get("rows"))), default=None)
    if most is not None:
        left = most - sum(wanted if type(wanted) is int else max(1, round(wanted * most)) for wanted in taken.values())
    elif all(type(wanted) is float for wanted in taken.values()):
        left = 1 - round(sum(taken.values()), 9)
    else:
        return
    if left <= 0:
        named = " and ".join(f"{name} {wanted:g}" for name, wanted in taken.items())
        of_all = "" if most is None else f" of {most}"
        verb, object = ("leaves", "it") if len(taken) == 1 else ("leave", "one of them")
        yield Problem((*path, "prepare"), f"{named} {verb} no rows{of_all} to train on; lower {object}")


def _check_answers(config: Draft, path: tuple, task: Draft) -> Found:
    tasks = find_format(config, task.dataset).tasks
    if task.kind == "maths" and tasks and "maths" not in tasks:  # of rows for no task `check_asked` tells
        yield Problem((*path, "kind"), f"maths checks answers, and {show(task.dataset)} {explain_numbers()}")


def _check_test_rows(config: Draft, path: tuple, task: Draft) -> Found:
    test = config.datasets[task.dataset].prepare.test
    if type(test) is int and test < 2 and len(config.study.runs) > 1:
        yield Problem(
            ("datasets", task.dataset, "prepare", "test"), f"one row compares no runs on {path[-1]}; raise it"
        )


def _check_task_name(config: Draft, path: tuple, task: Draft) -> Found:
    if path[-1] in RUN_PARTS:
        yield Problem(path, "is the name of something that every run's folder holds; take another name")


STUDY_CHECKS = (
    _check_repeats,
    _check_labels,
    _check_results,
    *EVALUATION_CHECKS,
    check_neutral,
    check_contrasts,
    check_looks,
    check_ranking,
    check_tuning,
    check_trajectory,
    *FUNCTION_CHECKS,
    check_budget,
)
TABLE_CHECKS = {
    "models": MODEL_CHECKS,
    "datasets": (_check_steps, _check_columns, _check_example, _check_training_rows, check_kept, check_idle),
    "samples": (*SAMPLE_CHECKS, check_rewards),
    "runs": (*RUN_CHECKS, *LEARNER_CHECKS, check_learnt, check_distillation, check_rewards, check_training),
    "tasks": (_check_answers, check_asked, _check_test_rows, _check_task_name, check_metrics, *TASK_CHECKS),
}
