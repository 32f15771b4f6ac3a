import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from tests.unit.comparison.results_factory import METHODS, build_study
from tests.unit.reporting.page_factory import draw_figures, prepare_study, render_page

# what models, data sets and configs say, which stays as it is in every language
FOREIGN_TAGS = {"script", "style", "svg", "code"}
FOREIGN_CLASSES = {"text", "messages", "settings-table"}
VOID = {"meta", "br", "input"}
SENTENCE = re.compile(r"[A-Za-z]{2,}(?: [a-z]{2,}){2,}")


class Prose(HTMLParser):
    """The page's own words: text and labels outside of what is foreign."""

    def __init__(self, html):
        super().__init__()
        self.depth, self.text, self.labels = 0, "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        classes = set((attributes.get("class") or "").split())
        foreign = tag in FOREIGN_TAGS or classes & FOREIGN_CLASSES or (attributes.get("lang") == "en" and tag != "html")
        if tag not in VOID and (self.depth or foreign):
            self.depth += 1
        if not self.depth:
            self.labels += [value for name, value in attributes.items() if name in ("aria-label", "title")]

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        self.depth -= bool(self.depth) and tag not in VOID

    def handle_data(self, data):
        if not self.depth:
            self.text += data


STUDIES = {
    "one seed": ({}, 8),
    "two seeds": ({"seeds": (1, 2)}, 8),
    "methods": ({"runs": tuple(METHODS)}, 8),
}


@pytest.fixture(scope="module", params=STUDIES)
def pages(request, tmp_path_factory):
    root, (options, rows) = tmp_path_factory.mktemp("results"), STUDIES[request.param]
    drawn = request.param == "methods"  # which has all figures
    study = prepare_study(root, build_study(**options), rows, drawn)
    study["study"]["smoke"] = True
    rendered = {}
    for language in ("en", "zh"):
        study["study"]["language"] = language
        if language != "en":
            draw_figures(root, study, drawn)
        rendered[language] = render_page(root, study)
    return study, rendered


def test_each_page_names_its_language(pages):
    for language, page in pages[1].items():
        assert ("lang", language) in page.attributes
    assert "这些数字不是研究结果" in pages[1]["zh"].text


def test_no_english_sentence_is_left_in_the_chinese_page(pages):
    study, rendered = pages
    given = [study["study"]["title"]]
    given += [entry["label"] for kind in ("runs", "tasks") for entry in study[kind].values()]
    english, chinese = (Prose(rendered[language].html) for language in ("en", "zh"))
    assert len(SENTENCE.findall(english.text)) > 200
    for prose in (chinese.text, *chinese.labels):
        for label in given:
            prose = prose.replace(label, " ")
        assert SENTENCE.findall(prose) == []


def test_both_pages_hold_the_same_numbers_and_the_same_elements(pages):
    _, rendered = pages
    numbers = [Counter(re.findall(r"\d+(?:[.,]\d+)*", Prose(page.html).text)) for page in rendered.values()]
    assert numbers[0].total() > 1000
    assert numbers[0] == numbers[1]
    assert rendered["en"].tags == rendered["zh"].tags


@pytest.mark.parametrize("pages", ["methods"], indirect=True)
def test_figures_speak_the_pages_language(pages):
    _, rendered = pages
    for words in (
        "strict accuracy (higher is better)",
        "tokens seen",
        "trained on sums",
        "difference in strict accuracy",
    ):
        assert f">{words}<" in rendered["en"].html
        assert f">{words}<" not in rendered["zh"].html
    assert ">严格准确率\uff08越高越好\uff09<" in rendered["zh"].html
