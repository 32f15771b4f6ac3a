"""Put the words of a figure into the page's language.

Figures are drawn once, in English. Entries of the catalog with the comment `figure` say how their words read: as they
stand, or, where an entry has placeholders, with whatever stands in their place (`trained on %(dataset)s`).
"""

import re
from collections.abc import Callable
from html import escape, unescape
from io import BytesIO

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from markupsafe import Markup

MARK = "figure"
_TEXT = re.compile(r"(<text\b[^>]*>)([^<]*)(</text>)")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def translate_figures(figures: dict[str, Markup], texts: dict[str, str], language: str) -> dict[str, Markup]:
    """Translate every figure with the catalog among `texts`, the files of the page; English has none."""
    source = texts.get(f"{language}.po")
    if source is None:
        return figures
    catalog = read_po(BytesIO(source.encode()), locale=language)
    return {name: Markup(translate_figure(svg, catalog)) for name, svg in figures.items()}


def translate_figure(svg: str, catalog: Catalog) -> str:
    """Translate the content of every text element that the catalog knows; labels and numbers stay as they are."""
    translate = build_translator(catalog)
    return _TEXT.sub(lambda found: found[1] + escape(translate(unescape(found[2])), quote=False) + found[3], str(svg))


def build_translator(catalog: Catalog) -> Callable[[str], str]:
    """Build a function that returns the words in the catalog's language, or as they are where it has no entry."""
    entries = [message for message in catalog if message.id and MARK in message.auto_comments]
    exact = {message.id: message.string for message in entries if not _PLACEHOLDER.search(message.id)}
    composed = sorted((message for message in entries if message.id not in exact), key=lambda message: -len(message.id))
    patterns = [(compile_pattern(message), message.string) for message in composed]  # the most telling words first

    def translate_part(words: str) -> str:
        known = catalog.get(words)
        return known.string if known and isinstance(known.string, str) and known.string else words

    def translate(words: str) -> str:
        if words in exact:
            return exact[words]
        for pattern, string in patterns:
            if found := pattern.fullmatch(words):
                return string % {name: translate_part(part) for name, part in found.groupdict().items()}
        return words

    return translate


def compile_pattern(message: Message) -> re.Pattern:
    """Turn an entry's placeholders into groups of the same names."""
    parts = _PLACEHOLDER.split(message.id)
    return re.compile("".join(f"(?P<{part}>.+)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))
