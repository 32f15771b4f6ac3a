import pytest

from tunelab.errors import UserError
from tunelab.reporting.report import build_environment

CATALOG = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "Results"
msgstr "结果"

msgid "%(count)s run"
msgid_plural "%(count)s runs"
msgstr[0] "%(count)s 个实验"

msgid "by %(name)s, 95%%"
msgstr "%(name)s，95%%"

#, fuzzy
msgid "Guessed"
msgstr "猜的"

msgid "Empty"
msgstr ""
"""


def render(template, language="zh", catalog=CATALOG, **values):
    texts = {"page": template, "zh.po": catalog}
    return build_environment(texts, language).get_template("page").render(values)


def test_a_page_in_the_templates_own_language_needs_no_catalog():
    assert build_environment({"page": '{{ _("Results") }}'}).get_template("page").render() == "Results"


def test_words_come_from_the_catalog():
    assert render('<h2>{{ _("Results") }}</h2>') == "<h2>结果</h2>"


@pytest.mark.parametrize(("language", "expected"), [("en", "1 run, 2 runs"), ("zh", "1 个实验, 2 个实验")])
def test_a_number_chooses_the_form(language, expected):
    count = '{{ ngettext("%(count)s run", "%(count)s runs", NUMBER, count=NUMBER) }}'
    assert render(f"{count.replace('NUMBER', '1')}, {count.replace('NUMBER', '2')}", language) == expected


@pytest.mark.parametrize(("language", "expected"), [("en", "by &lt;b&gt; 100%s, 95%"), ("zh", "&lt;b&gt; 100%s，95%")])
def test_values_among_the_words_are_escaped(language, expected):
    assert render('{{ _("by %(name)s, 95%%", name=name) }}', language, name="<b> 100%s") == expected


@pytest.mark.parametrize("words", ["Unknown", "Guessed", "Empty"])
def test_words_without_a_finished_translation_stop_the_build_and_are_named(words):
    with pytest.raises(UserError) as caught:
        render(f'{{{{ _("{words}") }}}}')
    expected = f"reports/zh.po has no finished translation of {words!r}; add it to the catalog."
    assert str(caught.value) == expected


def test_a_count_without_a_translation_stops_the_build():
    with pytest.raises(UserError, match="no finished translation of 'one row'"):
        render('{{ ngettext("one row", "many rows", 2) }}')


def test_a_missing_catalog_is_named():
    with pytest.raises(UserError, match=r"reports/zh\.po is missing; .* set study\.language to en"):
        build_environment({"page": ""}, "zh")


def test_a_broken_catalog_is_named():
    with pytest.raises(UserError, match=r"reports/zh\.po cannot be read as a gettext catalog"):
        render("", catalog='msgid "Results"\nmsgstr "结果"\nmsgsrt')
