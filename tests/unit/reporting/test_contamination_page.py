import re

import pytest

from tests.unit.comparison.results_factory import build_overlap, build_study
from tests.unit.comparison.run_factory import build_rows
from tests.unit.reporting.page_factory import prepare_study, render_page, write_comparison
from tunelab.records import write_json


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    return root, prepare_study(root, build_study())


def render(study, change):
    root, spec = study
    write_json(root / "overlap.json", [change(row) for row in build_overlap(spec, 12)])
    write_comparison(root, spec)
    page = render_page(root, spec)
    return page, page.html.partition('id="contamination"')[2].partition("</section>")[0]


def test_the_main_numbers_stand_beside_those_without_shared_rows(study):
    page, section = render(study, lambda row: row)
    assert "without the rows that share words with training" in section
    assert "without near duplicates as well" in section
    assert len(re.findall(r'<span class="n">n&nbsp;=&nbsp;12</span>', section)) == 5 * 2
    assert len(re.findall(r'<span class="n">n&nbsp;=&nbsp;10</span>', section)) == 5 + 1
    assert "3 of the 12 test questions of Grade-school sums stand in the training data of sums" in page.words
    assert "What was read before." in page.words
    assert (
        "3 of the 12 test rows of Grade-school sums have a row in the training data of sums whose question"
        in page.words
    )
    assert "(so have 30 of 240 training rows among themselves)" in page.words
    assert "read as the same" in section and "30 of 240" in section


def test_where_nothing_is_shared_the_table_folds(study):
    page, section = render(study, lambda row: row | {"ngram13": [], "near": []})
    assert "No test question was found in any of them." in section
    assert section.index("<details>") < section.index("<table")
    assert "without the rows" not in section
    assert "the section on contamination has the numbers" not in page.words


def test_a_task_that_training_holds_altogether_is_warned_of(study):
    every = [row["id"] for row in build_rows("sums", 12)]
    _, section = render(study, lambda row: row | {"exact": every if row["task"] == "arithmetic" else []})
    assert "Too little is left." in section and 'class="warning"' in section
    assert "Without them" not in section


def test_near_duplicates_that_leave_too_few_are_warned_of_beside_the_numbers_without_the_others(study):
    most = [row["id"] for row in build_rows("sums", 12)][:10]
    page, section = render(study, lambda row: row | {"near": most if row["task"] == "arithmetic" else []})
    assert "Without near duplicates as well, 2 of 12 test questions of Grade-school sums are left" in page.words
    assert "without the rows that share words with training" in section
