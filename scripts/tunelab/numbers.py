r"""Read numbers from a model's text, in the same way for gold answers, rewards and scores.

`docs/numbers.md` is a table of what counts as a number; a test reads it. Every number has one normal form
(`"1,000.0"` → `"1000"`), and two numbers are equal if their normal forms are the same string; there is no rounding and
no limit on digits. What is not clearly one decimal number (`5²`, `1/2`, `1e3`, `3,4`) is no number, and in a text it is
matched as a unit, so that its last digits are never taken for a number. Currency and per cent signs are ignored, as in
GSM8K.
"""

import re

# Full-width forms (U+FF01 to U+FF5E) become ASCII. Unicode's NFKC is no alternative, as it turns ² into 2. The
# full-width comma and colon stay: in Chinese they separate the parts of a sentence, without a space.
_TO_ASCII: dict[int, int | str | None] = {0xFF01 + i: 0x21 + i for i in range(94) if 0xFF01 + i not in (0xFF0C, 0xFF1A)}
_TO_ASCII |= dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63"), "-")
_TO_ASCII |= str.maketrans("\ufe50\ufe52\ufe69\ufe6a\uffe1\uffe5\uffe6", ",.$%£¥₩")
# invisible characters: zero-width ones, marks of direction, the soft hyphen
_TO_ASCII |= dict.fromkeys(
    [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF]
)

_MONEY = r"\\?[$¥€£₹₩₽]"
_GROUPS = r"\{,\}|,\\!|\\,|[，'’_\u00a0\u2007\u2009\u202f]"  # separators of groups of digits, besides the comma
_NUMBER = re.compile(
    rf"(?P<sign>[+-]?) ?(?:{_MONEY}){{0,2}} ?(?P<inner_sign>[+-]?)"
    rf"(?P<whole>[0-9]{{1,3}}(?P<group>,|{_GROUPS})[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*|[0-9]*)"
    rf"(?:\.(?P<decimals>[0-9]*))? ?(?:{_MONEY}){{0,2}} ?(?:\\?%)?[.。｡]?"
)
# what must follow a minus
_BEFORE = rf"(?=(?:{_MONEY}){{0,2}}\.?[0-9])"
# A long dash before a number is a minus after a space, a bracket, a colon or a digit; elsewhere it is punctuation, as
# is the Chinese double dash. Words for minus count only before digits.
_MINUS = re.compile(
    rf"(?:(?<![^\s0-9(\[{{=:\uff1a])[—―]|(?:[负負]|零下)\s?|\b(?:minus|negative)\s){_BEFORE}", re.IGNORECASE
)
# The minus sign (U+2212) is never a bullet, nor is a hyphen after =; after a number both are subtractions.
_SPACED = re.compile(rf"(?:(?<![0-9)\]}}%])(?<![0-9)\]}}%]\s)\u2212|(?:(?<==)|(?<==\s))[-\u2010-\u2013])\s{_BEFORE}")
# what may stand between a minus and its number
_OUTSIDE = re.compile(rf"(?<![A-Za-z0-9])-((?:\*{{1,3}}|\(|\\(?:boxed|text|mathrm|mathbf)\{{)+){_BEFORE}")
_VULGAR = "¼-¾⅐-⅞↉"
_IN_TEXT = re.compile(
    rf"""
    (?P<unit>(?<=[A-Za-z}}])\^\{{?[+-]?[0-9]+              # the power of a unit, as in m^2
      | (?<=[A-Za-z0-9)}}])_\{{[^{{}}]*\}})                 # an index
    | (?<![0-9.,])0[xX][0-9A-Fa-f]+
    | -?\\[dt]?frac\s*(?:\{{[^{{}}]*\}}|[0-9])\s*(?:\{{[^{{}}]*\}}|[0-9])
    | \^\{{?[+-]?[0-9]+ | [{_VULGAR}]
    | (?:±[ ]?)? (?:-?(?:{_MONEY}){{1,2}}[ ]?)? -?
      (?:(?<![\w.)\]}}])\.)? [0-9]                         # a dot after a word or a bracket ends a sentence
      (?:(?<=[0-9])(?<![0-9]{{4}})(?:{_GROUPS}|[ ])(?=[0-9]{{3}}(?![0-9])) | [0-9.,])*
      (?: [eE][+-]?[0-9]+ | [ ]?\^[ ]?\{{?[+-]?[0-9]+ | \*\*[+-]?[0-9]+ | (?:[ ]?[/\u2044\u2215±][ ]?[0-9][0-9.,]*)+
        | (?:[:\u2236][0-9]{{1,2}}(?![0-9]))+                  # a time or a ratio; `Week 3:210` is none
        | [²³¹⁰-⁻]+ | [ \u00a0]?[{_VULGAR}] )?
    """,
    re.VERBOSE,
)


def normalise_number(text: str) -> str | None:
    """Return the normal form of a text that is one number and nothing else, or None.

    The normal form has no signs between groups of digits, no leading or trailing zeros, no plus and no minus zero.
    """
    match = _NUMBER.fullmatch(_translate(text).strip())
    if match is None or (match["sign"] and match["inner_sign"]):
        return None
    whole, decimals = match["whole"].replace(match["group"] or ",", ""), match["decimals"] or ""
    if not whole and not decimals:
        return None
    whole, decimals = whole.lstrip("0") or "0", decimals.rstrip("0")
    number = f"{whole}.{decimals}" if decimals else whole
    negative = "-" in (match["sign"], match["inner_sign"]) and number != "0"
    return f"-{number}" if negative else number


def is_equal_number(text: str | None, number: str) -> bool:
    """Tell whether `text` is a number and equal to `number`."""
    found = None if text is None else normalise_number(text)
    return found is not None and found == normalise_number(number)


def find_last_number(text: str) -> str | None:
    """Return the last number in a text, in ASCII and without punctuation at its end, or None.

    It need not be a number that `normalise_number` accepts: `2^10` is returned as it is, and is equal to no number.
    `docs/numbers.md` lists the differences from lm-evaluation-harness's `flexible-extract`.
    """
    found = [match[0] for match in _IN_TEXT.finditer(_translate(text)) if match["unit"] is None]
    return found[-1].rstrip(".,") if found else None


def _translate(text: str) -> str:
    """Write digits, signs and dashes in ASCII."""
    text = _MINUS.sub("-", _SPACED.sub("-", text).translate(_TO_ASCII))
    return _OUTSIDE.sub(r"\1-", text)
