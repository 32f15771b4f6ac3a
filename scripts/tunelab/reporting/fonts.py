"""Fonts that have every character of a figure: the PDF holds its glyphs, and a box in place of one says nothing.

matplotlib brings DejaVu Sans. Chinese and its neighbours need a font of the system, of which the first one below is
taken, and only by figures that need it, so that all others are the same on every machine.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from tunelab.errors import UserError

PLAIN = "DejaVu Sans"
FALLBACKS = (
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei"),
    *("WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei"),
)
_MISSING = r"Glyph (\d+) .* missing from font"


@contextmanager
def fitting_fonts(figure: Figure) -> Iterator[None]:
    """Give the figure's texts fonts that have their characters; refuse one that no font here has, when it is drawn."""
    texts = figure.findobj(Text)
    lacking = {ord(character) for text in texts for character in text.get_text()} - _list_glyphs(PLAIN) - {ord("\n")}
    fallback = find_fallback() if lacking else None
    for text in texts if fallback else ():
        text.set_fontfamily([PLAIN, fallback])
    # Of these fonts' outlines, which are most often CFF, Type 3 makes a file that every reader takes, in a twentieth of
    # the time; all other figures have TrueType, which publishers ask for.
    with matplotlib.rc_context({"pdf.fonttype": 3 if fallback else 42}), warnings.catch_warnings():
        warnings.filterwarnings("error", message=_MISSING)
        try:
            yield
        except UserWarning as warning:
            explained = explain_missing(chr(int(re.match(_MISSING, str(warning))[1])))
            raise UserError(f"{explained[0].upper()}{explained[1:]}.") from warning


def explain_missing(character: str) -> str:
    """Say that no font has a character, and what helps."""
    remedy = "write the label of the run, task or data set without it"
    if find_fallback() is None:
        remedy = (
            "install a font for Chinese (Debian, Ubuntu: apt-get install fonts-noto-cjk; without root, a font file of "
            f"{FALLBACKS[1]} in ~/.local/share/fonts), or {remedy}"
        )
    return f"no font here has the character {character!r} of a figure; {remedy}"


def list_missing(text: str) -> list[str]:
    """Return the characters of a text that no font here has."""
    lacking = {ord(character) for character in text} - _list_glyphs(PLAIN) - {ord("\n")}
    if lacking and (fallback := find_fallback()):
        lacking -= _list_glyphs(fallback)
    return [character for character in text if ord(character) in lacking]


@cache
def find_fallback() -> str | None:
    """Return the name of an installed font with Chinese glyphs, or None."""
    manager = font_manager.fontManager
    if not set(FALLBACKS) & set(manager.get_font_names()):
        # matplotlib's list is older than a font just installed; the new one is kept for the next figure
        manager.ttflist = font_manager._load_fontmanager(try_read_cache=False).ttflist
    return next((name for name in FALLBACKS if name in manager.get_font_names()), None)


@cache
def _list_glyphs(font: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(font_manager.findfont(font)).get_charmap())
