"""How lm-evaluation-harness scores GSM8K (`lm_eval/tasks/gsm8k/gsm8k.yaml`, version 3): its patterns and filters."""

import re

STRICT_MATCH = r"#### (\-?[0-9\.\,]+)"  # takes the first match
FLEXIBLE_EXTRACT = r"(-?[$0-9.,]{2,})|(-?[0-9]+)"  # takes the last one
IGNORED = (",", r"\$", r"(?s).*#### ", r"\.$")
INVALID = "[invalid]"


def strip_ignored(text: str) -> str:
    """Return what is compared of an extracted answer, or of a reference."""
    for pattern in IGNORED:
        text = re.sub(pattern, "", text)
    return text.lower()


def match_strict(completion: str) -> str:
    found = re.findall(STRICT_MATCH, completion)
    return strip_ignored(found[0]) if found else INVALID


def extract_flexible(completion: str) -> str:
    found = re.findall(FLEXIBLE_EXTRACT, completion)
    return strip_ignored(next(filter(None, found[-1]))) if found else INVALID
