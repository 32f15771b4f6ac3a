import xml.etree.ElementTree as ElementTree

import pytest
from report_pages import PHONE

# two header rows; numbers whose text would sort otherwise, one of them missing
TABLE = """
<table id="sorted" data-sortable>
<thead><tr><th scope="col" rowspan="2">Run</th><th scope="colgroup" colspan="2">Scores</th></tr>
<tr><th scope="col">Share</th><th scope="col">Rank</th></tr></thead>
<tbody>
<tr><th scope="row">beta</th><td data-value="0.095">9.5 %</td><td>10</td></tr>
<tr><th scope="row">Alpha</th><td data-value="0.5">50.0 %</td><td>9</td></tr>
<tr><th scope="row">gamma</th><td data-value="">none</td><td>2</td></tr>
<tr><th scope="row">delta</th><td data-value="-1e-05">0.0 %</td><td>1</td></tr>
</tbody>
</table>
</main>"""


@pytest.fixture
def table(visit, report, tmp_path):
    text = report.read_text(encoding="utf-8")
    assert text.count("</main>") == 1
    path = tmp_path / "report.html"
    path.write_text(text.replace("</main>", TABLE), encoding="utf-8")
    return visit(path).locator("#sorted")


def read_order(table):
    return table.locator("tbody th").all_inner_texts()


def read_states(table):
    """Return aria-sort of the header cells that stand over one column."""
    cells = table.locator("thead th[aria-sort]")
    return {cell.inner_text().strip(): cell.get_attribute("aria-sort") for cell in cells.all()}


def test_a_column_is_sorted_by_its_values_up_down_and_back(table):
    share = table.get_by_role("button", name="Share")
    assert read_states(table) == {"Run": "none", "Share": "none", "Rank": "none"}
    share.click()
    assert read_order(table) == ["delta", "beta", "Alpha", "gamma"]
    assert read_states(table) == {"Run": "none", "Share": "ascending", "Rank": "none"}
    share.click()
    assert read_order(table) == ["Alpha", "beta", "delta", "gamma"]
    share.click()
    assert read_order(table) == ["beta", "Alpha", "gamma", "delta"]
    assert read_states(table)["Share"] == "none"


def test_a_column_without_values_is_sorted_by_its_text_as_people_do(table):
    table.get_by_role("button", name="Run").click()
    assert read_order(table) == ["Alpha", "beta", "delta", "gamma"]
    table.get_by_role("button", name="Rank").click()
    assert read_order(table) == ["delta", "gamma", "Alpha", "beta"]
    assert read_states(table) == {"Run": "none", "Share": "none", "Rank": "ascending"}


def test_a_table_is_sorted_from_the_keyboard(table):
    table.get_by_role("button", name="Share").focus()
    table.page.keyboard.press("Enter")
    table.page.keyboard.press("Space")
    assert read_order(table) == ["Alpha", "beta", "delta", "gamma"]


def test_a_header_over_several_columns_sorts_nothing(table):
    assert table.get_by_role("button").count() == 3


def test_every_figure_can_be_saved_as_a_drawing_of_its_own(page):
    buttons = page.get_by_role("button", name="Save this figure (SVG)")
    figures = page.locator("figure:has(svg)").evaluate_all("figures => figures.map(figure => figure.id)")
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    assert len(figures) == len(set(figures)) == buttons.count() > 3
    for place, figure in enumerate(figures):
        with page.expect_download() as download:
            buttons.nth(place).click()
        root = ElementTree.parse(download.value.path()).getroot()
        assert download.value.suggested_filename == f"{figure}.svg"
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("viewBox") and root.get("width")
        assert len(root.findall(".//{http://www.w3.org/2000/svg}path")) > 20
        # so that it says by itself what it shows, and its marks too
        assert root[0].tag == "{http://www.w3.org/2000/svg}title" and root[0].text
        assert len(root.findall(".//{http://www.w3.org/2000/svg}title")) > 3


class Marks:
    """The marks of a figure, and the note that says what one of them stands for."""

    def __init__(self, page, name="contrasts"):
        self.page, self.card = page, page.locator(f"#figure-{name} .card")
        self.note = page.locator(f"#figure-{name} .reading")
        self.card.scroll_into_view_if_needed()
        self.titles = self.card.locator("g > title").all_text_contents()
        boxes = "titles => titles.map(title => title.parentElement.getBoundingClientRect().toJSON())"
        boxes = self.card.locator("g > title").evaluate_all(boxes)
        self.middles = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes]


def test_a_mark_that_is_pointed_at_says_run_value_interval_and_n(page):
    marks = Marks(page)
    assert marks.titles[0].startswith("GRPO − untouched · Grade-school sums · strict accuracy · ")
    assert marks.note.is_hidden()
    for title, (x, y) in zip(marks.titles, marks.middles, strict=True):
        page.mouse.move(x + 5, y + 5)
        assert marks.note.inner_text() == title
        assert title.endswith(" · n\xa0=\xa060")
        box = marks.note.bounding_box()
        assert (
            box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"] and box["y"] + box["height"] <= y
        )
    page.mouse.move(2, 2)
    assert marks.note.is_hidden()


def test_marks_are_read_one_by_one_from_the_keyboard(page):
    marks = Marks(page, "tasks")
    marks.card.focus()
    said = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "End", "ArrowRight", "Home"):
        page.keyboard.press(key)
        said.append(marks.note.inner_text())
    assert said == [marks.titles[place] for place in (0, 1, 0, -1, -1, 0)]
    assert marks.note.get_attribute("role") == "status"
    page.keyboard.press("Escape")
    assert marks.note.is_hidden()


def test_a_mark_that_is_tapped_stays_read_until_something_else_is(visit, report):
    page = visit(report, viewport=PHONE, has_touch=True)
    # a narrow window shows a part of a figure at a time
    page.locator("#figure-contrasts g:has(> title)").first.evaluate("mark => mark.scrollIntoView({inline: 'center'})")
    marks = Marks(page)
    x, y = marks.middles[0]
    page.touchscreen.tap(x, y)
    assert marks.note.inner_text() == marks.titles[0]
    page.touchscreen.tap(x, y - 60)
    assert marks.note.is_hidden()


def test_every_section_has_a_link_to_itself(page):
    links = page.locator("h2 .anchor")
    # one that folds is a control, and may hold no other; the contents have its link
    assert links.count() == page.locator("h2:not(summary h2)").count() > 8
    targets = links.evaluate_all("links => links.map(link => document.querySelector(link.hash) !== null)")
    assert set(targets) == {True}
    link = page.locator("#results h2 .anchor")
    assert link.get_attribute("href") == "#results"
    assert link.get_attribute("aria-label") == "Link to this section: Results"
