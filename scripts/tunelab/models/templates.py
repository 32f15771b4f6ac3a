"""What is settled of a chat template besides its text: variables, the system message and the date.

It is written before the template, in its own language. So one text is all that training, rewards, evaluation,
`make ask`, and whoever loads what was published need.
"""

import datetime
import json
import re
from typing import Any

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
