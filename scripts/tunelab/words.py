"""Split text into paragraphs, and into the units that overlap and ROUGE count: words, or characters of Chinese.

Japanese and Korean are split into characters, too. The usual tokenizers for both measures keep only `[a-z0-9]` and
would find nothing in a Chinese text. A vowel sign or an accent stays with its letter, and all canonical forms of
Unicode give the same words: `é` may be one character or two.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby

# Han ideographs with their extensions, kana, and Hangul syllables are units of one character each.
_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"


def compose(text: str) -> str:
    """Return the text in Unicode's composed form (NFC), in which equal texts are equal strings."""
    return unicodedata.normalize("NFC", text)


def split_words(text: str) -> list[str]:
    """Return the text's words in lower case, without punctuation."""
    return _find_units().findall(compose(text.lower()))


def split_paragraphs(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield a text's paragraphs, separated by blank lines: the number of the first line, and the lines."""
    for blank, lines in groupby(enumerate(text.splitlines(), 1), key=lambda line: not line[1].strip()):
        if not blank:
            numbers, paragraph = zip(*lines, strict=True)
            yield numbers[0], list(paragraph)


@cache
def _find_units() -> re.Pattern[str]:
    # `re` has no class for marks; all are in these two ranges. U+200C and U+200D join letters of a word.
    marks = [c for c in map(chr, range(0x300, 0x1F000)) if unicodedata.category(c).startswith("M")]
    inner = f"\u200c\u200d{''.join(marks)}\U000e0100-\U000e01ef"
    return re.compile(rf"[{_SINGLE}]|(?:(?![{_SINGLE}])[^\W_])(?:(?![{_SINGLE}])(?:[^\W_]|[{inner}]))*")
