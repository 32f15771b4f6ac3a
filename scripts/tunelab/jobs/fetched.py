"""Check a config against models that are fetched already, so that a dry run finds what would fail in a training."""

from collections.abc import Iterator
from typing import Any

from tunelab import records
from tunelab.config.complete import Config
from tunelab.config.drafts import Problem, render_problems
from tunelab.config.module_checks import check_targets
from tunelab.config.specs.sources import describe_source
from tunelab.config.trials import place_problems
from tunelab.errors import UserError
from tunelab.layout import Layout


def check_fetched(config: Config, raw: dict[str, Any], source: str) -> None:
    """Check every trained run against the modules of its model, where `inspect_model` has listed them.

    Raises:
        UserError: with one line per problem, as for the config itself.
    """
    problems = [problem for run in config.trained for problem in _check_run(config, run)]
    if problems:
        raise UserError("\n  ".join([f"{source} is not valid:", *render_problems(place_problems(problems, raw), raw)]))


def _check_run(config: Config, run: str) -> Iterator[Problem]:
    spec = config.runs[run]
    parts = _read_parts(config, spec.model)
    if parts is not None:
        yield from check_targets(run, spec.adapter, spec.training, parts, spec.quantization)


def _read_parts(config: Config, model: str) -> dict[str, Any] | None:
    """Return what `inspect_model` found; None before the model is fetched, or if the config now names another one."""
    file, spec = Layout(config.study.results).model_file(model, "modules.json"), config.models[model]
    if spec.source == "local" or not file.is_file():  # the user's own files may have changed meanwhile
        return None
    try:
        parts = records.read_json(file)
    except ValueError:
        return None
    known = "embedding" in parts  # an earlier version listed less
    return parts if known and parts.get("source") == describe_source(spec) else None
