"""Can everybody read the page: light and dark, wide and narrow, on paper; the pictures are kept to be looked at."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from report_pages import DESKTOP, PHONE

SCREENSHOTS = Path(__file__).parents[2] / "results" / "screenshots"
LOOKS = {
    "desktop": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "has_touch": True},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark", "has_touch": True},
}


@pytest.fixture(scope="module", autouse=True)
def folder():
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)


def list_violations(page):
    """Return the first elements that break a rule of axe, by rule."""
    found = Axe().run(page).response
    return {rule["id"]: [node["target"] for node in rule["nodes"]][:5] for rule in found["violations"]}


@pytest.fixture
def look(visit, report, request):
    """The page in one of its looks, with a question and every other part that folds opened."""
    page = visit(report, **LOOKS[request.param])
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    page.locator(".questions-heading").nth(1).click()
    return request.param, page


@pytest.mark.parametrize("look", LOOKS, indirect=True)
def test_no_rule_of_accessibility_is_broken(look):
    _, page = look
    assert list_violations(page) == {}


@pytest.mark.parametrize("look", LOOKS, indirect=True)
def test_nothing_is_wider_than_the_window(look):
    name, page = look
    width = LOOKS[name]["viewport"]["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("name", LOOKS)
def test_a_picture_of_the_page_is_kept(visit, report, name):
    page = visit(report, **LOOKS[name])
    page.locator(".questions-heading").nth(2).click()
    whole = name == "desktop"  # tens of thousands of pixels, which take a while
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)
    page.locator("#questions").screenshot(path=SCREENSHOTS / f"{name}-questions.png")
    assert (SCREENSHOTS / f"{name}.png").stat().st_size > (1_000_000 if whole else 30_000)
    assert (SCREENSHOTS / f"{name}-questions.png").stat().st_size > 100_000


def test_the_chinese_page_speaks_chinese_where_its_script_draws(visit, chinese_report):
    page = visit(chinese_report)
    page.locator(".questions-heading").nth(2).click()
    assert page.evaluate("document.documentElement.lang") == "zh"
    assert page.locator("#questions-filters").inner_text().split("\n")[:2] == ["全部 60", "改对 20"]
    for place in ("#questions-filters", "#questions-count", "#questions-page", "#questions .verdict", "h2 .anchor"):
        texts = page.locator(place).all_inner_texts()
        assert texts and not re.search("[a-z]", "".join(texts)), place
    page.screenshot(path=SCREENSHOTS / "chinese.png")
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    assert page.get_by_role("button", name="SVG").count() == page.locator("figure:has(svg)").count() > 3
    assert page.get_by_role("button", name="Save").count() == 0
    assert list_violations(page) == {}


def test_the_page_prints_without_what_only_a_screen_can_do(page):
    page.emulate_media(media="print")
    for name in ("#questions-browser", ".save", ".anchor", "nav"):
        assert page.locator(name).first.is_hidden(), name
    assert page.locator(".questions-printed").is_visible()
    page.pdf(path=SCREENSHOTS / "print.pdf", format="A4", margin={"top": "2cm", "bottom": "2cm"})
    assert (SCREENSHOTS / "print.pdf").read_bytes().startswith(b"%PDF-")
