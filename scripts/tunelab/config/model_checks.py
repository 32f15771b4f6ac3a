"""Judge what the config says of models: a random one's shape, and how a model is talked to."""

from collections.abc import Iterator
from typing import Any

from tunelab.config import templates
from tunelab.config.drafts import Draft, Problem
from tunelab.config.wording import refuse_name, refuse_value, show

Found = Iterator[Problem]


def _check_architecture(config: Draft, path: tuple, model: Draft) -> Found:
    if model.source == "random" and "model_type" not in model.architecture:
        yield Problem((*path, "architecture", "model_type"), "is required, for example llama")


def _check_template(config: Draft, path: tuple, model: Draft) -> Found:
    named = model.get("chat_template")
    if named is not None and not templates.is_file(named) and named not in (*templates.OWN, *templates.TRL):
        known = (*templates.OWN, *templates.TRL)
        text = refuse_name(f"there is no bundled template {show(named)}", named, known)
        yield Problem((*path, "chat_template"), f"{text}; a file of yours ends in .jinja")


def _check_template_kwargs(config: Draft, path: tuple, model: Draft) -> Found:
    for name, value in model.chat_template_kwargs.items():
        here = (*path, "chat_template_kwargs", name)
        if not isinstance(name, str) or not name.isidentifier() or name in templates.GIVEN:
            yield Problem(here, f"{show(name)} is no variable of a template that may be set")
        elif not _is_plain(value):
            yield Problem(here, refuse_value("must be text, a number, true, false, null, or a list of these", value))


def _is_plain(value: Any) -> bool:
    parts = value if isinstance(value, list) else [value]
    return all(part is None or type(part) in (str, int, float, bool) for part in parts)


MODEL_CHECKS = (_check_architecture, _check_template, _check_template_kwargs)
