"""Half of the page is in sight and the rest a click away; what is in sight fits, on a desk as on a phone."""

import pytest
from playwright.sync_api import expect
from report_pages import PHONE

WINDOW = {"width": 1200, "height": 900}
FOLDED = ("pairs", "learning", "cards", "setup", "reproduce", "glossary")
WIDTHS = """tables => tables.filter(table => table.offsetParent && table.scrollWidth > table.parentElement.clientWidth)
    .map(table => table.caption.innerText)"""


def test_tables_in_sight_fit_beside_the_contents(visit, report):
    page = visit(report, viewport=WINDOW)
    tables = page.locator("main table, header table")
    assert tables.count() > 10
    assert tables.evaluate_all(WIDTHS) == []


def test_on_a_phone_the_first_table_shows_every_task_and_all_costs(visit, report):
    page = visit(report, viewport=PHONE)
    row = page.locator(".overview tbody tr", has_text="GRPO")
    cells = row.locator("td")
    assert cells.count() == 7
    for cell in cells.all():
        box = cell.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
    assert page.locator("td.spent").first.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Time"'


def test_what_one_looks_up_is_folded_and_opens_where_a_link_leads(visit, report):
    page = visit(report, viewport=WINDOW)
    whole = page.evaluate("document.documentElement.scrollHeight")
    for name in FOLDED:
        assert page.locator(f"#{name} > details").get_attribute("open") is None, name
    page.locator("nav a[href='#setup']").click()
    expect(page.locator("#setup summary").first).to_be_in_viewport()
    expect(page.locator("#setup > details")).to_have_attribute("open", "")
    page.evaluate("document.querySelectorAll('.fold').forEach(fold => { fold.open = true })")
    assert page.evaluate("document.documentElement.scrollHeight") > 1.5 * whole


@pytest.mark.parametrize("place", ["data-sums", "glossary"])
def test_an_address_opens_what_folds_around_it(visit, report, place):
    page = visit(report, anchor=f"#{place}", viewport=WINDOW)
    expect(page.locator(f"#{place} p, #{place} dl").first).to_be_in_viewport()


@pytest.mark.parametrize("script", [True, False])
def test_on_paper_everything_is_open(visit, report, script):
    page = visit(report, viewport=WINDOW, java_script_enabled=script)
    page.emulate_media(media="print")
    for name in FOLDED:
        assert page.locator(f"#{name} > details > :not(summary)").first.is_visible(), name
