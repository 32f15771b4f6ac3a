from io import BytesIO

import pytest
from babel.messages.pofile import read_po
from markupsafe import Markup

from tunelab.reporting.figure_words import translate_figure, translate_figures

CATALOG = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

#. figure
msgid "tokens seen"
msgstr "已见 token 数"

#. figure
msgid "%(metric)s (higher is better)"
msgstr "%(metric)s(越高越好)"

#. figure
msgid "difference in %(metric)s (higher is better)"
msgstr "%(metric)s之差(越高越好)"

msgid "strict accuracy"
msgstr "严格准确率"

msgid "Sums"
msgstr "算术"
"""


def translate(words):
    svg = f'<svg><text x="1">{words}</text><path id="tokens seen"/></svg>'
    return translate_figure(svg, read_po(BytesIO(CATALOG.encode()), locale="zh"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tokens seen", "已见 token 数"),
        ("strict accuracy (higher is better)", "严格准确率(越高越好)"),
        ("difference in strict accuracy (higher is better)", "严格准确率之差(越高越好)"),
        ("made up (higher is better)", "made up(越高越好)"),
        ("Sums", "Sums"),  # a label that happens to be a word of the page
        ("a &lt;b&gt; &amp; c", "a &lt;b&gt; &amp; c"),
        ("0.25", "0.25"),
    ],
)
def test_words_of_a_figure_are_translated_and_labels_are_not(words, expected):
    assert translate(words) == f'<svg><text x="1">{expected}</text><path id="tokens seen"/></svg>'


def test_a_label_in_a_figure_stays_text():
    assert translate("&lt;script&gt; (higher is better)") == (
        '<svg><text x="1">&lt;script&gt;(越高越好)</text><path id="tokens seen"/></svg>'
    )


def test_english_figures_stay_as_they_are():
    figures = {"tasks": Markup("<svg><text>tokens seen</text></svg>")}
    assert translate_figures(figures, {"zh.po": CATALOG}, "en") is figures
    assert "已见" in translate_figures(figures, {"zh.po": CATALOG}, "zh")["tasks"]
