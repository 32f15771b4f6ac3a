"""Choose the chat template that a study uses with a model: the tokenizer's own, a bundled one or a user's file."""

import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from tunelab.config.models import OWN, is_file
from tunelab.config.specs.sources import ChatSettings
from tunelab.errors import UserError
from tunelab.models.templates import DATE, SYSTEM, fix_date, prepend, prints_date, render_prompt, write_default
from tunelab.values import shorten


def settle_template(tokenizer: PreTrainedTokenizerBase, settings: ChatSettings, key: str) -> tuple[str, dict[str, Any]]:
    """Set the template that the study uses with a model; return it with facts about it.

    Args:
        key: the model's config key, for messages.

    Raises:
        UserError: if there is no template, or one that cannot obey the settings.
    """
    template = read_template(tokenizer, settings.chat_template, key)
    for name in settings.chat_template_kwargs:
        if not re.search(rf"\b{re.escape(name)}\b", template):
            raise UserError(
                f"{key}.chat_template_kwargs.{name}: the chat template does not read {shorten(name)}; leave it out, or "
                "name another chat_template."
            )
    parts = [write_default(name, value) for name, value in sorted(settings.chat_template_kwargs.items())]
    parts += [SYSTEM[settings.system]] if settings.system in SYSTEM else []
    settled = fix_date(prepend(parts, template) if parts else template)
    tokenizer.chat_template = settled
    try:
        render_prompt(tokenizer, [{"role": "user", "content": "Hello"}])
    except UserError as error:
        raise UserError(f"{key}: {error}") from error
    return settled, {
        "origin": settings.chat_template or "own",
        "system": settings.system,
        "kwargs": settings.chat_template_kwargs,
        "date": DATE.date().isoformat() if prints_date(template) else None,
    }


def read_template(tokenizer: PreTrainedTokenizerBase, named: str | None, key: str) -> str:
    """Return the text of the template that the config names; without a name, the tokenizer's own for chats."""
    if named is None:
        try:
            return tokenizer.get_chat_template()
        except ValueError as error:
            raise UserError(
                f"{key}: the tokenizer has no chat template; choose an instruction-tuned model, or name a template in "
                f"{key}.chat_template: `plain` suits every base model."
            ) from error
    try:
        return find_template(named).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"cannot be read ({error.strerror})"
        raise UserError(
            f"{key}.chat_template: {shorten(named)} {reason}; name a Jinja file or a bundled one."
        ) from None


def find_template(named: str) -> Path:
    """Return the file of a template: one of the user's, of this project or of TRL."""
    if is_file(named):
        return Path(named)
    if named in OWN:
        return Path(__file__).with_name("chat_templates") / f"{named}.jinja"
    return Path(distribution("trl").locate_file(f"trl/chat_templates/{named}.jinja"))
