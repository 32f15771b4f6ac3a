"""Render templates of LaTeX in which only the templates' own text can become a command.

The TeX that a template writes itself is marked by signs that no value can hold. When all is rendered, everything else
is escaped, once, whatever macros, filters and translations it went through.
"""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from tunelab.reporting.latex import ESCAPES, escape
from tunelab.reporting.report import build_environment

TEX = ".tex.j2"
# signs for private use stand for those that TeX reads as commands, in what a template says itself
_KEPT = {sign: chr(0xE000 + number) for number, sign in enumerate(filter(str.isascii, map(chr, ESCAPES)))}
_KEEP = str.maketrans(_KEPT)
_RESTORE = str.maketrans({private: sign for sign, private in _KEPT.items()})
# private use, controls, surrogates: nothing that can be set
_UNPRINTABLE = re.compile("[\ue000-\uf8ff\u0000-\u0008\u000b-\u001f\u007f-\u009f\ud800-\udfff\ufffe\uffff]")


class KeepTex(Extension):
    """Mark the text of TeX templates as TeX; that of other templates, whose macros they may call, stays text."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        own = (stream.name or "").endswith(TEX)
        for token in stream:
            yield Token(token.lineno, "data", mark(token.value)) if own and token.type == "data" else token


def mark(tex: str) -> str:
    """Mark a text of the project's own as TeX."""
    return tex.translate(_KEEP)


def build_tex_environment(texts: dict[str, str], language: str) -> Environment:
    """Build the page's environment for TeX: same filters, words and checks, other escapes."""
    environment = build_environment(texts, language)
    environment.autoescape = False  # HTML's
    environment.add_extension(KeepTex)
    return environment


def finish(rendered: str) -> str:
    """Escape what is not marked, and return TeX without blank lines, which would end paragraphs."""
    lines = escape(rendered).translate(_RESTORE).splitlines()
    return "".join(f"{line.strip()}\n" for line in lines if line.strip())


def clean(value: Any) -> Any:
    """Return values and records with every text in them on one line and without signs that cannot be set."""
    if isinstance(value, str):
        return " ".join(_UNPRINTABLE.sub("?", value).split())
    if isinstance(value, dict):
        return {clean(name): clean(item) for name, item in value.items()}
    if is_dataclass(value):
        return replace(value, **{field.name: clean(getattr(value, field.name)) for field in fields(value)})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(clean, value))
    if isinstance(value, list | tuple):
        return type(value)(map(clean, value))
    return value
