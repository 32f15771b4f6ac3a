"""Render the page: one HTML file that needs no network, no script and no neighbour.

All text from models, data sets and configs is escaped by the template engine; only the figures, drawn by the project,
and the style sheet are let through as they are. A missing or empty value stops the build instead of showing a gap.
"""

import base64
import hashlib
import math
import re
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from tunelab.errors import UserError
from tunelab.notation import FILTERS
from tunelab.page import build_page
from tunelab.study import Study

PAGE, STYLE = "report.html.j2", "report.css"


def render_report(study: Study, figures: list[Path], templates: list[Path]) -> str:
    """Render the page from a study's files, its figures (named by their stems) and the templates (by their names)."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in templates}
    missing = {PAGE, STYLE} - texts.keys()
    if missing:
        raise UserError(f"reports/{min(missing)} is missing; restore it from the repository.")
    environment = build_environment(texts)
    page = build_page(study, {path.stem: load_figure(study.find(path)) for path in figures})
    style = texts[STYLE]
    return environment.get_template(PAGE).render(
        page=page, style=Markup(style), style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    )


def build_environment(texts: dict[str, str]) -> Environment:
    environment = Environment(
        loader=DictLoader(texts),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=require_value,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS
    return environment


def require_value(value: Any) -> Any:
    """Refuse to print what would look like a number or a word and is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise UserError(f"The report would print {value!r} in place of a value; an artefact it reads is incomplete.")
    return value


def load_figure(path: Path) -> Markup:
    """Load an SVG file for use inside a page: no prologue, no style sheet, and ids that no other figure has."""
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    for pattern in (r"<metadata>.*?</metadata>", r"<style\b.*?</style>"):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    for mark in ('id="', 'href="#', "url(#"):
        text = text.replace(mark, f"{mark}{path.stem}-")
    return Markup(text)
