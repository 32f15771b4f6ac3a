"""Cut text into the units that overlap and ROUGE count: words, and single characters for Chinese and its neighbours.

The usual tokenizers of both keep only `[a-z0-9]` and would see nothing in a Chinese text.
"""

import re

# Han ideographs with their extensions, kana, and Hangul syllables are units of one character each.
_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_UNIT = re.compile(rf"[{_SINGLE}]|(?:(?![{_SINGLE}])[^\W_])+")


def split_words(text: str) -> list[str]:
    """Return the text's words in lower case, without punctuation."""
    return _UNIT.findall(text.lower())
