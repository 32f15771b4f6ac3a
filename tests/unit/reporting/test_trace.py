import re

import pytest

from tests.unit.reporting.page_factory import MAKERS, prepare_study, render_page
from tunelab.records import read_json
from tunelab.reporting.facts import KINDS, build_trace, place_rows
from tunelab.reporting.notation import (
    format_count,
    format_decimal,
    format_difference,
    format_metric,
    format_percent,
    format_size,
)

LINK = re.compile(r'<a class="trace" href="results\.json#/(\w+)/(\d+)">([^<]+)</a>')


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    study = prepare_study(root)
    return read_json(root / "results.json"), render_page(root, study)


def list_writings(row):
    """Write every number of a row in each way that the page has, whatever its sign."""
    parts = [part for part in row.values() if isinstance(part, dict)]
    numbers = [value for part in [row, *parts] for value in part.values() if type(value) in (int, float)]
    metric = row.get("metric", "strict")
    return {
        write(value, *given).lstrip("+−")
        for value in numbers
        for write, given in (
            *((write, [metric]) for write in (format_metric, format_difference, format_size)),
            *((write, []) for write in (format_percent, format_decimal, format_count)),
        )
    }


def test_every_linked_number_is_one_of_the_row_that_it_leads_to(results):
    table, page = results
    links = LINK.findall(page.html)
    assert {kind for kind, _, _ in links} == {
        "estimates",
        "contrasts",
        "gains",
        "kinds",
        "repeats",
        "cleaned",
        "cleaned_contrasts",
        "sameness",
    }
    assert len(links) > 100
    for kind, number, text in links:
        assert text.lstrip("+−") in list_writings(table[kind][int(number)]), (kind, number, text)


def test_all_values_of_the_main_tables_are_linked(results):
    _, page = results
    section = page.html.partition('id="results"')[2].partition("</section>")[0]
    cells = re.findall(r'<td class="number" data-value="[^"]+">(.*?)<', section)
    assert len(cells) > 20
    assert set(cells) == {""}, "a link is the first thing in each"


def test_what_is_shown_of_a_number_names_each_file_once():
    found = {kind: [] for kind in KINDS}
    found["estimates"] = [
        {"interval": "wilson", "sources": ["a", "b"]},
        {"interval": "crossed", "sources": ["b"]},
        {"interval": "wilson", "sources": ["a"]},
    ]
    found["known"] = [{"value": 0.5}]
    place_rows(found)
    assert [row["place"] for row in found["estimates"]] == ["estimates/0", "estimates/1", "estimates/2"]
    trace = build_trace(found, "results/results.json")
    assert (trace["file"], trace["files"], trace["intervals"]) == (
        "results/results.json",
        ["a", "b"],
        ["wilson", "crossed"],
    )
    assert trace["rows"]["estimates"] == [[0, 0, 1], [1, 1], [0, 0]]
    assert trace["rows"]["known"] == [[-1]]


def test_every_source_names_the_rule_that_made_it_where_the_workflow_has_one(results):
    _, page = results
    named = re.findall(r'<code>([^<]+)</code> \(<a href="#rule-(\w+)">', page.html)
    assert ("results/results.json", "compare_methods") in named
    assert ("results/runs/{run}/seed{seed}/training.json", "train_sft") in named
    assert {rule for _, rule in named} == {maker["rule"] for maker in MAKERS}
