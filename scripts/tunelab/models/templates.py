"""Fix a chat template's variables, system message and date, and find the assistant's turns in what it renders.

Settings are written before the template, in Jinja. So one text is all that training, rewards, evaluation, `make ask`
and users of a published model need.
"""

import datetime
import json
import re
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import render_jinja_template

from tunelab.errors import UserError
from tunelab.values import shorten

# the day that Llama's own templates fall back to; a template that prints the day would give other tokens tomorrow
DATE = datetime.datetime(2024, 7, 26)
LETTERS = "aAwdbBmyYHIpMSfjUWcxXGuV"
SYSTEM = {
    "fold": '{%- if messages|length > 1 and messages[0].role == "system" %}{%- set messages = [dict(messages[1], '
    'content=messages[0].content ~ "\\n\\n" ~ messages[1].content)] + messages[2:] %}{%- endif %}',
    "drop": '{%- if messages[0].role == "system" %}{%- set messages = messages[1:] %}{%- endif %}',
}
# ends what is written before a template, whose first line keeps its meaning
SEAM = '{{- "" }}'


def build_date_macro() -> str:
    """Write `strftime_now`, which templates print the day with, for a fixed one."""
    steps = "".join(f' | replace("%{letter}", "{DATE.strftime("%" + letter)}")' for letter in LETTERS)
    bare = "".join(f' | replace("%-{letter}", "{int(DATE.strftime("%" + letter))}")' for letter in "dmHIMSj")
    return f"{{%- macro strftime_now(format) -%}}{{{{ format{bare}{steps} }}}}{{%- endmacro %}}"


DATE_MACRO = build_date_macro()


def prints_date(template: str) -> bool:
    return "strftime_now" in template


def fix_date(template: str) -> str:
    """Return a template that prints the same day every day; one that prints none stays as it is."""
    return template if DATE_MACRO in template or not prints_date(template) else prepend([DATE_MACRO], template)


def drops_system(template: str) -> bool:
    return SYSTEM["drop"] in template


def has_markers(template: str) -> bool:
    """Tell whether a template marks what the assistant writes."""
    return re.search(r"\{%-?\s*generation\s*-?%\}", template) is not None


def prepend(parts: list[str], template: str) -> str:
    """Put parts before a template, so that it renders as it does without them."""
    lead = template[: len(template) - len(template.lstrip())]
    rest = template[len(lead) :]
    if rest.startswith(("{%", "{#")):  # Jinja takes blanks before a block away at the beginning of a line only
        lead = lead[: lead.rfind("\n") + 1]
    return "".join(parts) + SEAM + lead + rest


def write_default(name: str, value: Any) -> str:
    """Write what a variable is unless whoever renders the template says otherwise."""
    return f"{{%- if {name} is not defined %}}{{%- set {name} = {_write_literal(value)} %}}{{%- endif %}}"


def _write_literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_write_literal, value))}]"
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


# --- rendered conversations, and where in the text the assistant's turns are

Messages = list[dict[str, Any]]
Span = tuple[int, int]
ANOTHER = "Name another template in the model's chat_template"


def render(tokenizer: PreTrainedTokenizerBase, messages: Messages, prompt: bool = False) -> str:
    """Render messages; with `prompt` up to the point where the assistant starts to write.

    Raises:
        UserError: if the template refuses the conversation.
    """
    try:
        return _apply(tokenizer, messages, prompt)
    except Exception as error:  # a template is somebody's program, and may raise anything
        reason = shorten(" ".join(str(error).split()))
        if messages[0]["role"] == "system" and _can_render(tokenizer, messages[1:], prompt):
            raise UserError(
                f"The model's chat template refuses a system message ({reason}). Set the model's `system` to fold, "
                "which puts it before the first question, or to drop; or have none (prepare.system)."
            ) from error
        roles = ", ".join(message["role"] for message in messages[:6])
        raise UserError(f"The model's chat template cannot render the roles {roles} ({reason}). {ANOTHER}.") from error


def _apply(tokenizer: PreTrainedTokenizerBase, messages: Messages, prompt: bool) -> str:
    template = fix_date(tokenizer.get_chat_template())
    return tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=prompt)


def _can_render(tokenizer: PreTrainedTokenizerBase, messages: Messages, prompt: bool) -> bool:
    try:
        return bool(_apply(tokenizer, messages, prompt))
    except Exception:  # as above
        return False


def render_prompt(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> str:
    """Render the messages up to the point where the assistant starts to write."""
    return render(tokenizer, messages, prompt=True)


def list_starts(tokenizer: PreTrainedTokenizerBase, messages: Messages, text: str) -> list[int]:
    """Return where in the rendered text the assistant begins each of its turns, as far as these are told apart."""
    said = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    prompts = [render_prompt(tokenizer, messages[:index]) for index in said]
    return [len(prompt) for prompt in prompts if text.startswith(prompt)]


class Turn(NamedTuple):
    """Where in the rendered text an assistant's turn begins, and up to where it stays as it was written.

    kept: whether all of it does, whatever follows; learnt: False for a turn whose `weight` is 0.
    """

    start: int
    stop: int
    kept: bool
    learnt: bool = True


def find_turns(tokenizer: PreTrainedTokenizerBase, messages: Messages, text: str) -> list[Turn]:
    """Return the assistant's turns in the rendered conversation.

    Raises:
        UserError: if a turn does not begin as generation asks for it, or its beginning changes with what follows.
    """
    turns = []
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt = render_prompt(tokenizer, messages[:index])
        if not message.get("weight", 1):
            turns += [Turn(len(prompt), len(prompt), False, learnt=False)] if text.startswith(prompt) else []
            continue
        alone = text if index + 1 == len(messages) else render(tokenizer, messages[: index + 1])
        if not alone.startswith(prompt):
            opened = prompt[count_shared(prompt, alone) :]
            raise UserError(
                f"The model's chat template asks for an answer with {shorten(opened)} and renders the answer without "
                f"it, so that what is trained would not be what is asked for. {ANOTHER} (those of TRL that end in "
                "_training keep the thoughts that an answer begins with), or set a variable of the template in "
                "chat_template_kwargs, such as enable_thinking: false."
            )
        if not text.startswith(prompt):
            raise refuse_change(messages)
        shared = count_shared(text, alone)
        turns.append(Turn(len(prompt), shared, shared == len(alone)))
    return turns


def count_shared(one: str, other: str) -> int:
    """Return with how many equal characters two texts begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def refuse_change(messages: Messages) -> UserError:
    return UserError(
        "The model's chat template changes earlier turns when the conversation goes on, so the assistant's part cannot "
        f"be told apart; the conversation has {len(messages)} messages and begins with "
        f"{shorten(messages[0]['content'])}. {ANOTHER}, such as TRL's whose name ends in _training, or train on "
        "conversations of one turn."
    )


def find_marked(tokenizer: PreTrainedTokenizerBase, messages: Messages) -> list[Span] | None:
    """Return the spans that the template marks as the assistant's; None if it marks nothing."""
    template = fix_date(tokenizer.get_chat_template())
    if not has_markers(template):
        return None
    _, [spans] = render_jinja_template(
        conversations=[messages],
        chat_template=template,
        return_assistant_tokens_mask=True,
        **tokenizer.special_tokens_map,
    )
    return spans


def check_kept(tokenizer: PreTrainedTokenizerBase, messages: Messages, text: str) -> None:
    """Raise `UserError` if the rendered text lacks what a message says, but for white space."""
    there = "".join(text.split())
    for number, message in enumerate(messages, 1):
        content = message.get("content")
        if not isinstance(content, str) or "".join(content.split()) in there:
            continue
        if message["role"] != "system":
            raise UserError(
                f"The model's chat template leaves out some of what message {number} of a conversation says "
                f"({message['role']}: {shorten(content)}). {ANOTHER}."
            )
        if not drops_system(tokenizer.get_chat_template()):
            raise UserError(
                f"The model's chat template leaves out the system message ({shorten(content)}). Set the model's "
                "`system` to fold, which puts it before the first question, or to drop if that is meant."
            )
