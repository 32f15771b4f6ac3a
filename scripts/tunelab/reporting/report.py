"""Render the page: one HTML file that needs no network and no other file, and can be read without its script.

The template engine escapes all text from models, data sets and configs; only figures, style sheets and script, which
are the project's own, are inserted as they are. Browsers run only what the page's policy names by its hash. A missing
or empty value stops the build.
"""

import base64
import hashlib
import math
import re
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.jobs.makers import find_makers
from tunelab.reporting.facts import describe_origin
from tunelab.reporting.notation import FILTERS
from tunelab.reporting.page import build_page
from tunelab.reporting.questions import build_questions, count_disagreements, render_data
from tunelab.reporting.wordings import SOURCE, install_wordings

PAGE = "report.html.j2"
STYLES = ("report.css", "report_questions.css")
# the first has what the others share
SCRIPTS = tuple(f"report_{name}.js" for name in ("common", "navigation", "tables", "figures", "trace", "questions"))


def render_report(
    study: StudyFolder, figures: list[Path], templates: list[Path], partial: dict | None, makers: list[dict]
) -> str:
    """Render the page from a study's files, its figures (named by their stems) and the templates (by their names).

    partial: what the study lacks, if it is not complete (`upkeep.partial.describe_partial`).
    makers: what makes each kind of file (`jobs.makers.describe_rules`).
    """
    texts = {path.name: path.read_text(encoding="utf-8") for path in templates}
    missing = {PAGE, *SCRIPTS, *STYLES} - texts.keys()
    if missing:
        raise UserError(f"reports/{min(missing)} is missing; restore it from the repository.")
    language = study.spec["study"]["language"]
    drawn = {path.stem: load_figure(study.find(path)) for path in figures}
    questions = build_questions(study)
    page = build_page(study, drawn, partial, makers)
    style, script = "".join(texts[name] for name in STYLES), join_scripts(texts)
    return (
        build_environment(texts, language)
        .get_template(PAGE)
        .render(
            page=page,
            language=language,
            origin=describe_origin(study),
            disagreements=count_disagreements(questions),
            questions=render_data(questions),
            trace=render_data(page.trace),
            style=Markup(style),
            style_hash=hash_source(style),
            script=Markup(script),
            script_hash=hash_source(script),
        )
    )


def join_scripts(texts: dict[str, str]) -> str:
    """Join the script's files, one for each feature of the page, into one scope that nothing else sees."""
    features = "\n".join(texts[name] for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{features}}})();\n'


def hash_source(text: str) -> str:
    """Return the text's sha256 as a Content-Security-Policy writes it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def build_environment(texts: dict[str, str], language: str = SOURCE) -> Environment:
    environment = Environment(
        loader=DictLoader(texts),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=require_value,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS | {"makers": find_makers}
    install_wordings(environment, texts, language)
    return environment


def require_value(value: Any) -> Any:
    """Refuse to print what would look like a number or a word and is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise UserError(f"The report would print {value!r} in place of a value; an artefact it reads is incomplete.")
    return value


class Figure(NamedTuple):
    """A drawing that can stand in a page, and what it shows in a sentence."""

    svg: Markup
    headline: str


def load_figure(path: Path) -> Figure:
    """Load an SVG file for use inside a page: no prologue, no style sheet, and ids that no other figure has.

    Its title stands above it as a heading, so that it is no title of the drawing any more.
    """
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    headline = re.search("<title>(.*?)</title>", text, re.DOTALL)
    text = text.replace(headline[0], "", 1)
    for pattern in (r"<metadata>.*?</metadata>", r"<style\b.*?</style>"):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = re.sub("<[^<>]+>", lambda tag: re.sub(r'( id="|href="#|url\(#)', rf"\1{path.stem}-", tag[0]), text)
    return Figure(Markup(text), unescape(headline[1]))
