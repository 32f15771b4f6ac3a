"""Check before anything is trained that the figures can show the labels of runs and tasks."""

from typing import Any

from tunelab.config.complete import Config
from tunelab.config.drafts import Problem, render_problems
from tunelab.errors import UserError

SAMPLES = {"zh": "中"}  # a sign of each language that is not written in Latin letters


def check_labels(config: Config, raw: dict[str, Any], source: str) -> None:
    """Check that the fonts of this machine have the characters of the labels.

    Raises:
        UserError: with one line per problem, as for the config itself.
    """
    texts = {("study", "language"): SAMPLES.get(config.study.language, "")}
    texts |= {("runs", name, "label"): config.runs[name].label for name in config.study.runs}
    texts |= {("tasks", name, "label"): config.tasks[name].label for name in config.study.tasks}
    strange = {path: text for path, text in texts.items() if not text.isascii()}
    if not strange:
        return
    from tunelab.reporting.figures import explain_missing, list_missing  # half a second

    missing = {path: characters for path, text in strange.items() if (characters := list_missing(text))}
    problems = [Problem(path, explain_missing(characters[0])) for path, characters in missing.items()]
    if problems:
        raise UserError("\n  ".join([f"{source} is not valid:", *render_problems(problems, raw)]))
