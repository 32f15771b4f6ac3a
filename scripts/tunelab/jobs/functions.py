"""The user's own reward and metric functions: where the config uses each, what its file holds, and whether it fits.

Stages depend on the content of these files, not on their place, so an edit makes stale what runs it and nothing else.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tunelab.config.complete import Config
from tunelab.config.drafts import Problem, render_problems
from tunelab.config.formats import FORMATS
from tunelab.config.functions import GIVEN, TRAINING_ONLY, Functions, list_metrics, list_rewards
from tunelab.config.methods import REWARDED
from tunelab.config.specs.data import PrepareSpec
from tunelab.config.trials import place_problems
from tunelab.errors import UserError
from tunelab.jobs.provenance import hash_function_file
from tunelab.values import cut, list_names, shorten


class Use(NamedTuple):
    """One place in the config that names a function, and the data sets whose rows it gets there."""

    path: tuple[str, ...]
    file: str
    datasets: tuple[str, ...]


def list_uses(config: Config) -> Iterator[Use]:
    """List every function that the config names; all maths tasks of the study score by all rewards."""
    scored = [config.tasks[task].dataset for task in config.study.tasks if config.tasks[task].kind == "maths"]
    for table, entries in (("runs", config.runs), ("samples", config.samples)):
        for name, entry in entries.items():
            for function, file in list_rewards(entry).items():
                shown = scored if entry in list_rewarding(config) else []
                yield Use((table, name, "rewards", "functions", function), file, (entry.dataset, *shown))
    for name, task in config.tasks.items():
        for function, file in list_metrics(task).items():
            yield Use(("tasks", name, "metrics", function), file, (task.dataset,))


def list_rewarding(config: Config) -> list[Any]:
    """List the parts of the study that define rewards: its runs that draw answers, and the `samples` it learns from."""
    runs = [config.runs[run] for run in config.study.runs]
    drawn = dict.fromkeys(run.samples for run in runs if getattr(run, "samples", None))
    return [*(run for run in runs if run.method in REWARDED), *(config.samples[name] for name in drawn)]


def list_judges(config: Config, task: str) -> dict[str, Functions]:
    """List the functions that score a task: its own metrics, and for a maths task all rewards of the study."""
    spec = config.tasks[task]
    rewarding = list_rewarding(config) if spec.kind == "maths" else []
    rewards = {name: file for entry in rewarding for name, file in list_rewards(entry).items()}
    return {"rewards": rewards, "metrics": list_metrics(spec)}


def hash_functions(functions: Functions) -> dict[str, str]:
    """Return a hash of each function's file and of the files it reads, by the function's name."""
    return {name: hash_function_file(Path(file)) for name, file in functions.items()}


def by_content(spec: Any, exclude: set[str]) -> dict[str, Any]:
    """Return the fields of a run or of `samples`, with functions named by the hashes of their files."""
    section, functions = spec.model_dump(mode="json", exclude=exclude), list_rewards(spec)
    if functions:
        section["rewards"]["functions"] = hash_functions(functions)
    return section


# Checks before anything is planned; the files are read, never run.


def check_functions(config: Config, raw: dict[str, Any], source: str, scripts: Path) -> None:
    """Check that every function exists, can be called as a reward, and asks only for columns that rows have.

    scripts: the project's folder of code, from which functions may import.

    Raises:
        UserError: with one line per problem, as for the config itself.
    """
    problems = [
        Problem(use.path, text)
        for use in list_uses(config)
        if (text := find_problem(use.path[-1], Path(use.file), use.datasets, config, scripts))
    ]
    if problems:
        raise UserError("\n  ".join([f"{source} is not valid:", *render_problems(place_problems(problems, raw), raw)]))


def find_problem(name: str, file: Path, datasets: Iterable[str], config: Config, scripts: Path) -> str | None:
    """Return what is wrong with a function, or None; its file is read, never run."""
    if not file.is_file():
        return f"there is no file {shorten(str(file))}; name a Python file that holds the function"
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except OSError as error:
        return f"{shorten(str(file))} cannot be read ({error.strerror}); name a Python file that holds the function"
    except (SyntaxError, ValueError, RecursionError) as error:
        where = f"{shorten(str(file))}, line {getattr(error, 'lineno', None) or 1}"
        return f"{where}: is no Python ({cut(getattr(error, 'msg', str(error)))}); mend it"
    if found := _find_stray_import(tree, file, scripts):
        return found
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    if name not in functions:
        others = f"; it has {list_names(functions, quoted=False)}" if functions else ""
        return (
            f"{shorten(str(file))} has no function {name}{others}. Write `def {name}(prompts, completions, **columns)`"
        )
    return _find_bad_signature(functions[name], file, datasets, config)


def _find_stray_import(tree: ast.Module, file: Path, scripts: Path) -> str | None:
    """Return a sentence if the file imports a neighbouring file, whose edits would go unnoticed."""
    for line, name, relative in _list_imports(tree):
        first = name.partition(".")[0]
        beside = (file.parent / f"{first}.py").is_file() or (file.parent / first).is_dir()
        known = first in sys.stdlib_module_names or (scripts / first).is_dir()
        if relative or (beside and not known):
            return (
                f"{shorten(str(file))}, line {line}: imports a file beside it ({cut(name or '.')}), whose edits would "
                "not be seen; put what it needs into the file itself"
            )
    return None


def _list_imports(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Yield the line and the name of every import, and whether it is relative."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or "", bool(node.level)


def _find_bad_signature(
    function: ast.FunctionDef | ast.AsyncFunctionDef, file: Path, datasets: Iterable[str], config: Config
) -> str | None:
    where = f"{shorten(str(file))}, line {function.lineno}: {function.name}"
    wanted = f"write `def {function.name}(prompts, completions, **columns)`"
    if isinstance(function, ast.AsyncFunctionDef):
        return f"{where} is async; {wanted}"
    arguments = function.args
    named = [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)]
    if arguments.posonlyargs or not arguments.kwarg:
        return f"{where} is given everything by name, and must take columns that it does not ask for; {wanted}"
    if "completions" not in named:
        return f"{where} does not take completions; {wanted}"
    for column in _list_required(arguments):
        if column in TRAINING_ONLY:
            return f"{where} asks for {column}, which scoring has not got; give it the default None"
        for dataset in datasets:
            if _has_column(config.datasets[dataset].prepare, column):
                continue
            return (
                f"{where} asks for {cut(column)}, which rows of {shorten(dataset)} have not; name the column in "
                f"datasets.{dataset}.prepare.keep, or give it a default"
            )
    return None


def _has_column(prepare: PrepareSpec, column: str) -> bool:
    if column == "answer":
        return FORMATS[prepare.format].rows == "numbers"
    return column in (*GIVEN, *prepare.keep)


def _list_required(arguments: ast.arguments) -> list[str]:
    """List the parameters without a default."""
    placed = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    named = [item for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None]
    return [argument.arg for argument in (*placed, *named)]
