import re
from dataclasses import is_dataclass
from html import unescape
from pathlib import Path
from typing import get_type_hints

import pytest
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po
from jinja2 import Environment, UndefinedError, nodes
from jinja2.ext import babel_extract

from tunelab.comparison.metrics import find_metric
from tunelab.config.methods import METHODS
from tunelab.config.metrics import METRICS
from tunelab.errors import UserError
from tunelab.reporting import chapters
from tunelab.reporting.report import build_environment

REPORTS = Path(__file__).parents[3] / "reports"
PAGES, PAPERS = sorted(REPORTS.glob("report*.j2")), sorted(REPORTS.glob("paper*.j2"))
DRAWING = sorted((REPORTS.parent / "scripts/tunelab/reporting").glob("*.py"))
MARK_UP = r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}"
PLACEHOLDER = r"%\(\w+\)s|\{\w+\}"
# commands of LaTeX, some with arguments that are no prose; options, files and fields
TEX_COMMANDS = (
    r"% !TEX program|@misc|"
    r"\\(?:begin|end|usepackage|input|bibliographystyle|IfFileExists)(?:\[.*?\])?\{.*?\}|\\[a-z]+"
)
TEX_WORDS = {
    "htbp",
    "height",
    "width",
    "keepaspectratio",
    "fig",
    "figures",
    "references",
    "title",
    "howpublished",
    "note",
}
LANGUAGE_FREE = {*"npABjk/,", "pp", "KL", "LoRA", "GRPO", "RLOO", "DPO", "KTO", "mean@N,", "pass@k,", "maj@k", "Enter"}


def extract_messages():
    """List every text that templates and figures put through `_` or `ngettext`; a plural is a pair."""
    found = set()
    extractors = dict.fromkeys((*PAGES, *PAPERS), babel_extract) | dict.fromkeys(DRAWING, extract_python)
    for path, extract in extractors.items():
        with path.open("rb") as file:
            for _, _, message, _ in extract(file, ["_", "ngettext"], [], {"extensions": "jinja2.ext.i18n"}):
                texts = tuple(text for text in message if text) if isinstance(message, tuple) else message
                found.add(texts[0] if isinstance(texts, tuple) and len(texts) == 1 else texts)
    return found - {None, "", ()}  # a message that is looked up, such as a metric's label


@pytest.fixture(scope="module")
def catalog():
    with (REPORTS / "zh.po").open("rb") as file:
        return read_po(file, locale="zh", abort_invalid=True)


@pytest.mark.parametrize("template", ["{{ page.nothing }}", "{{ page['nothing'] }}", "{{ nothing }}"])
def test_an_undefined_value_stops_the_build(template):
    with pytest.raises(UndefinedError):
        build_environment({"t": template}).get_template("t").render(page={"title": "x"})


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_an_empty_value_stops_the_build(value):
    with pytest.raises(UserError, match="in place of a value"):
        build_environment({"t": "{{ page }}"}).get_template("t").render(page=value)


def list_misspelt(template):
    """List what a template asks of the page, or of a record on it, that has no such name."""
    found = []
    for node in Environment(extensions=["jinja2.ext.i18n"]).parse(template).find_all(nodes.Getattr):
        chain = [node.attr]
        while isinstance(node := node.node, nodes.Getattr):
            chain.insert(0, node.attr)
        record = chapters.Page
        for name in chain if isinstance(node, nodes.Name) and node.name == "page" else ():
            if not hasattr(record, name):
                found.append(".".join(["page", *chain]))
            record = get_type_hints(record).get(name)
            if not is_dataclass(record):
                break
    return found


def test_templates_ask_the_page_for_nothing_that_it_has_not():
    assert {path.name: found for path in (*PAGES, *PAPERS) if (found := list_misspelt(path.read_text()))} == {}
    misspelt = ["page.doubts.fatcs", "page.results.findings.none", "page.titel"]
    assert sorted(list_misspelt("".join(f"{{{{ {name} }}}}" for name in misspelt))) == misspelt


def test_templates_contain_no_digit_typed_by_hand():
    assert (len(PAGES), len(PAPERS)) == (28, 6)
    for path in PAGES:
        prose = re.sub(f"{MARK_UP}|<[^<>]*>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.findall(r".*\d.*", prose), path.name
    messages = extract_messages()
    assert len(messages) > 350
    for message in messages:
        for text in message if isinstance(message, tuple) else (message,):
            assert not re.search(r"\d", re.sub(PLACEHOLDER, "", text)), text


def test_every_text_of_the_papers_templates_can_be_translated():
    for path in PAPERS:
        tex = re.sub(MARK_UP, " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        prose = re.sub(TEX_COMMANDS, " ", tex)
        assert set(re.findall(r"[A-Za-z]{2,}|\d", prose)) <= TEX_WORDS, path.name


def test_every_text_of_the_templates_can_be_translated():
    for path in PAGES:
        text = re.sub(MARK_UP, " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        prose = re.sub(r"<(code|kbd)\b.*?</\1>|<!DOCTYPE html>|<[^<>]*>", " ", text, flags=re.DOTALL)
        words = {word for word in unescape(prose).split() if re.search("[A-Za-z]", word)}
        assert words <= LANGUAGE_FREE, path.name


def test_the_catalog_has_every_text_and_none_that_is_no_longer_there(catalog):
    described = [*METRICS.values(), *map(find_metric, ("mean@N", "pass@k", "maj@k"))]
    labels = {metric.label for metric in described if "@" not in metric.label}
    methods = {
        text for method in METHODS.values() for text in (method.title, method.term, method.about, method.reading)
    }
    wanted = extract_messages() | labels | {metric.about for metric in described} | methods - {*LANGUAGE_FREE, ""}
    assert {message.id for message in catalog if message.id} == wanted


def test_the_catalog_is_finished_and_keeps_every_placeholder_and_no_digit(catalog):
    messages = [message for message in catalog if message.id]
    assert len(messages) > 350
    for message in messages:
        assert not message.fuzzy
        plural = isinstance(message.id, tuple)
        for string in message.string if plural else (message.string,):
            source = message.id[-1] if plural else message.id
            assert string, source
            assert sorted(re.findall(PLACEHOLDER, string)) == sorted(re.findall(PLACEHOLDER, source)), source
            assert not re.search(r"\d", re.sub(PLACEHOLDER, "", string)), source
