"""Answers with a number to check: GSM8K's worked answers (steps, then `#### 18`), and numbers alone.

Of each come the gold number and a demonstration, an answer in the XML layout of the GRPO blog post, for supervised
training (a warm start before GRPO). It ends at `</answer>`, where a model naturally stops, without the blog's last
newline. The `legacy` strict-format reward pays only with that newline; the `fixed` one pays either way.
"""

import re
from typing import Any

from tunelab.data.fields import BadField, check_text
from tunelab.numbers import normalise_number

# Copied from the blog with its first and last newline.
SYSTEM_PROMPT = """
Respond in the following format:
<reasoning>
...
</reasoning>
<answer>
...
</answer>
"""

_CALCULATION = re.compile(r"<<[^<>]*>>")


def split_worked_answer(text: str) -> tuple[str, str] | None:
    """Return the steps without their <<calculator notes>>, and the number after the last `####`; None without these."""
    steps, mark, number = text.rpartition("####")
    gold = normalise_number(number)
    steps = _CALCULATION.sub("", steps).strip()
    return (steps, gold) if mark and gold is not None and steps else None


def render_demonstration(steps: str, gold: str) -> str:
    """Write steps and number in the layout that the prompt asks for; the steps may be empty."""
    return f"<reasoning>\n{steps}\n</reasoning>\n<answer>\n{gold}\n</answer>"


def read_worked_answer(value: Any, field: str) -> tuple[str, str]:
    """Return the demonstration and the gold number of a GSM8K answer; raise `BadField` for anything else."""
    text = check_text(value, field)
    parts = split_worked_answer(text)
    if parts is None:
        steps, _, number = text.rpartition("####")
        # what is wrong with a long answer is seen at its end
        raise BadField(field, "worked steps and then '#### ' with one number", f"####{number}" if steps else text)
    return render_demonstration(*parts), parts[1]


def read_number(value: Any, field: str) -> tuple[str, str]:
    """Return the demonstration and the gold number of an answer that is a number alone, or the same as a text."""
    written = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    gold = normalise_number(written) if isinstance(written, str) else None
    if gold is None:
        raise BadField(field, "one number, such as 18 or 1,000.5", value)
    return render_demonstration("", gold), gold


ONE_SHOT = (
    {
        "role": "user",
        "content": "A baker fills 4 trays with 6 rolls each and sells 9 of the rolls. How many rolls are left?",
    },
    {
        "role": "assistant",
        "content": render_demonstration(
            "The baker makes 4 * 6 = 24 rolls.\nAfter the sale 24 - 9 = 15 are left.", "15"
        ),
    },
)
