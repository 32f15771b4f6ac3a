"""What a reader in a hurry sees: the first screen, the contents beside it, and where a number is from."""

import re

from playwright.sync_api import expect
from report_pages import PHONE

FIRST_SCREEN = {"width": 1200, "height": 800}


def test_what_was_asked_what_came_out_how_sure_and_at_what_cost_stand_on_the_first_screen(visit, report):
    page = visit(report, viewport=FIRST_SCREEN)
    for place in (".setting", ".overview", "#verdicts", "#cautions"):
        box = page.locator(place).bounding_box()
        assert box["y"] + box["height"] < FIRST_SCREEN["height"], place
    table = page.locator(".overview")
    assert table.locator("tbody tr").count() == 5
    cells = table.locator("tbody tr", has_text="GRPO").locator("td").all_inner_texts()
    assert len(cells) == 2 * 2 + 3
    assert re.search(r"^\d+\.\d.% [▲?]( [◔↻])*\s+\[", cells[1]), "a value with its interval"
    assert re.search(r"\d.*(s|min)$", cells[4]) and cells[6].endswith("B")
    signs = table.locator("tbody .verdict")
    assert signs.count() == 4 * 2, "each trained run is held against the untouched one on each task"
    assert signs.first.get_attribute("aria-label").endswith("against untouched")


def test_bars_and_dots_stand_where_their_numbers_are(visit, report):
    page = visit(report, viewport=FIRST_SCREEN)
    for row in page.locator(".overview tbody tr").all():
        for cell in row.locator("td.range").all():
            line, bar, dot = (cell.locator(name).bounding_box() for name in (".scale-line", ".bar", ".dot"))
            middle = dot["x"] + dot["width"] / 2
            assert line["x"] - 1 <= bar["x"] <= middle <= bar["x"] + bar["width"] + 1 <= line["x"] + line["width"] + 2


def test_the_contents_stay_in_view_and_say_where_one_is(visit, report):
    page = visit(report, viewport=FIRST_SCREEN)
    here = page.locator("nav a[aria-current]")
    assert here.count() == 0, "above the first section"
    for name in ("contrasts", "questions", "glossary"):
        page.evaluate(f"document.getElementById('{name}').scrollIntoView({{behavior: 'instant'}})")
        expect(here).to_have_count(1)
        expect(here).to_have_attribute("href", f"#{name}")
        expect(page.locator("nav")).to_be_in_viewport()


def test_the_contents_fold_on_a_phone(visit, report):
    page = visit(report, viewport=PHONE)
    assert page.locator("nav a").first.is_hidden()
    page.locator("nav summary").click()
    assert page.locator("nav a").first.is_visible()


def test_without_its_script_the_contents_can_be_read(visit, report):
    page = visit(report, viewport=PHONE, java_script_enabled=False)
    assert page.locator("nav a").first.is_visible()
    assert page.locator(".table-filters").is_hidden()
    rows = page.locator("#contrasts-table tbody tr")
    assert all(row.is_visible() for row in rows.all()) and rows.count() > 5


def test_contrasts_are_chosen_by_task_metric_and_verdict(page):
    shown = page.locator("#contrasts-table tbody tr:visible")
    every = page.locator("#contrasts-table tbody tr").count()
    first = page.locator("#contrasts-table tbody tr.primary").count()
    assert shown.count() == first < every
    assert page.locator(".table-filters output").inner_text() == f"{first} of {every} rows"
    boxes = page.locator(".table-filters")
    boxes.locator("[data-column=metric]").select_option("")
    assert shown.count() == every
    boxes.locator("[data-column=metric]").select_option("loss")
    boxes.locator("[data-column=task]").select_option("support")
    assert shown.count() == 2
    assert {row.get_attribute("data-metric") for row in shown.all()} == {"loss first"}
    words = {row.get_attribute("data-verdict") for row in shown.all()}
    boxes.locator("[data-column=verdict]").select_option(words.pop())
    assert 1 <= shown.count() <= 2


def test_a_number_shows_the_row_and_the_files_that_it_comes_from(page):
    link = page.locator(".overview a.trace").first
    expected = link.get_attribute("href")
    link.click()
    panel = page.locator("#trace")
    expect(panel).to_be_visible()
    assert panel.locator("b").inner_text() == link.inner_text()
    kind, number = expected.split("/")[1:]
    text = panel.inner_text()
    assert f"/{kind}/{number}" in text and f"jq '.{kind}[{number}]'" in text
    assert "scores.jsonl" in text and "wilson" in text and "compare_methods" in text
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert page.url.endswith("report.html"), "the reader stays on the page"


def test_a_number_is_traced_from_the_keyboard(page):
    page.locator("#results a.trace").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#trace")).to_be_visible()
    page.locator("#trace button").press("Enter")
    expect(page.locator("#trace")).to_be_hidden()


def test_a_source_leads_to_the_rule_that_made_it_even_where_that_is_folded(page):
    page.locator("#results .source a", has_text="compare_methods").first.click()
    expect(page.locator("#rule-compare_methods")).to_be_visible()
