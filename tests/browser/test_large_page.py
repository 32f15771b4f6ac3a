"""Five runs on as many questions as GSM8K's test split has, with answers of the usual length."""

import random
import shutil

import pytest
from playwright.sync_api import expect
from report_pages import SEEDS, build_known_study, finish_page

from tests.unit.comparison.results_factory import write_results
from tunelab.records import read_jsonl, write_jsonl

ROWS, WORDS_EACH = 1319, 150
WORDS = ("she", "has", "then", "sells", "half", "of", "them", "and", "buys", "eggs", "for", "dollars", "each", "day")


def lengthen(root):
    """Give every answer to a sum a text of its own, some 700 characters long."""
    paths = sorted(root.glob("runs/*/seed[01]/arithmetic/answers.jsonl"))
    assert len(paths) == 5
    drawn = random.Random(0)
    for path in paths:
        rows = [row | {"completion": " ".join(drawn.choices(WORDS, k=WORDS_EACH))} for row in read_jsonl(path)]
        write_jsonl(path, rows)


@pytest.fixture(scope="module")
def large(report, tmp_path_factory):
    """The page of the same study with more rows; the comparison, which would take long, stays that of the few."""
    root = shutil.copytree(report.parent, tmp_path_factory.mktemp("large"), dirs_exist_ok=True)
    study = build_known_study(seeds=SEEDS)
    write_results(root, study, rows=ROWS)
    return finish_page(root, study, lengthen)


def test_a_large_study_makes_a_page_that_can_be_sent_and_is_drawn_in_part(visit, large):
    assert 4_000_000 < large.stat().st_size < 12_000_000
    page = visit(large)
    assert page.locator(".questions-heading").count() == 25
    assert page.locator("#questions *").count() < 1000
    page.locator(".questions-filter", has_text="fixed").click()
    expect(page.locator("#questions-count")).to_have_text("440 of 1,319 questions")
    page.fill("#questions-query", "(row 1318)")
    expect(page.locator("#questions-count")).to_have_text("1 of 1,319 questions")


def test_marks_of_many_runs_stay_within_the_page(visit, report):
    page = visit(report)
    marks = page.locator(".questions-marks").first
    marks.evaluate("marks => { for (let i = 0; i < 200; i++) marks.append(marks.firstElementChild.cloneNode(true)); }")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert page.locator(".questions-title").first.bounding_box()["width"] > 200
