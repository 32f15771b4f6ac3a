"""Read numbers out of a model's text, in one way for gold answers, rewards and scores.

Every number is brought to one normal form (`"1,000.0"` → `"1000"`), so two numbers are equal when their normal forms
are the same string; there is no rounding and no limit on digits. Two departures from the usual `float(text)`: what is
not plainly one decimal number (`²`, `1/2`, `1e3`, `3,4`) is no number at all, and money and per cent signs are only
decoration, as in GSM8K.
"""

import re

# Full-width forms (U+FF01 to U+FF5E) repeat ASCII; U+2212 is the minus sign. Not Unicode's NFKC, which turns ² into 2.
_TO_ASCII = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x2212: "-"}
_NUMBER = re.compile(
    r"(?P<sign>[+-]?) ?\$? ?(?P<inner_sign>[+-]?)"
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.(?P<decimals>[0-9]*))?"
    r" ?\$? ?%?\.?"
)
# The pattern of lm-evaluation-harness's GSM8K filter `flexible-extract`, verbatim; it takes the last match.
_FLEXIBLE = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")


def normalise_number(text: str) -> str | None:
    """Return the normal form of a text that is one number and nothing else, or None.

    The normal form has no thousands commas, no leading or trailing zeros, no plus and no minus zero.
    """
    match = _NUMBER.fullmatch(text.translate(_TO_ASCII).strip())
    if match is None or (match["sign"] and match["inner_sign"]):
        return None
    whole, decimals = match["whole"].replace(",", ""), match["decimals"] or ""
    if not whole and not decimals:
        return None
    whole, decimals = whole.lstrip("0") or "0", decimals.rstrip("0")
    number = f"{whole}.{decimals}" if decimals else whole
    negative = "-" in (match["sign"], match["inner_sign"]) and number != "0"
    return f"-{number}" if negative else number


def is_equal_number(text: str | None, number: str) -> bool:
    """Say whether `text` is a number and the same one as `number`."""
    found = None if text is None else normalise_number(text)
    return found is not None and found == normalise_number(number)


def find_last_number(text: str) -> str | None:
    """Return the last number in a text as it is written there, without punctuation at its end, or None.

    It finds what lm-evaluation-harness's `flexible-extract` finds, with three departures: full-width digits and the
    minus sign U+2212 are read as ASCII, a match without a digit (an ellipsis) is passed over, and the caller compares
    numbers (72.0 is 72) where lm-evaluation-harness compares strings.
    """
    for match in reversed(list(_FLEXIBLE.finditer(text.translate(_TO_ASCII)))):
        found = match[0].rstrip(".,")
        if any(character.isdigit() for character in found):
            return found
    return None
