"""Read ChatterBot's YAML corpora: `conversations` is a list of conversations, each a list of turns.

A row is a conversation's first two turns, its question and answer. In the English files a third turn, where there is
one, is now another answer and now small talk that follows, so nothing after the second can be taken for the answer.
"""

from pathlib import Path
from typing import Any

import yaml

from tunelab.errors import UserError


def read_conversations(file: Path) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """Return the rows, and what was left out: each entry without two turns, by number (from 1), with its text.

    One such entry is in the corpus itself (a missing dash makes question and answer one string).
    """
    try:
        # The base loader keeps every word as written: 1963 and yes are answers here, no number and no truth value.
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file.name}: this is no YAML that can be read ({error}).") from error
    if not isinstance(content, dict) or not isinstance(content.get("conversations"), list):
        raise UserError(f"{file.name}: a ChatterBot file needs a list named 'conversations' at the top.")
    rows, skipped = [], []
    for number, turns in enumerate(content["conversations"], 1):
        if isinstance(turns, list) and len(turns) >= 2 and all(isinstance(turn, str) for turn in turns[:2]):
            rows.append({"question": turns[0], "answer": turns[1]})
        else:
            skipped.append({"file": file.name, "entry": number, "content": str(turns)})
    return rows, skipped
