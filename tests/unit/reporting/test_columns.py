"""A column stands in one list, from which CSV, page and LaTeX are drawn."""

import csv
import re

import pytest
import render_tables

from tests.unit.comparison.results_factory import build_study, write_results
from tests.unit.reporting.page_factory import draw_figures, render_page, write_comparison
from tests.unit.reporting.test_paper import write_paper
from tests.unit.reporting.test_partial_page import PARTIAL
from tunelab.comparison.results import Contrast
from tunelab.reporting import tables
from tunelab.reporting.tables import Column

# of each table: its list, its CSV file, and how many tables of page, LaTeX and paper are drawn from it, with two tasks
TABLES = {
    "COSTS": ("cost", {"page": 1, "costs.tex": 0, "paper": 1}),
    "CONSUMED": ("consumed", {"page": 1, "consumed.tex": 0, "paper": 1}),
    "CONTRASTS": ("contrasts", {"page": 1, "contrasts.tex": 1, "paper": 3}),
    "MAIN": ("main", {"page": 5, "main.tex": 2, "paper": 2}),
}


def make(root):
    """Write all tables of a study whose figures say words only; return page, LaTeX and paper by their names."""
    study = write_results(root, build_study(("base", "lora")), rows=8)
    study["comparison"]["contrasts"] = [["lora", "base"]]
    write_comparison(root, study)
    draw_figures(root, study)
    outputs = [root / "main.tex", root / "contrasts.tex"]
    render_tables.main(str(root), study, root / "results.json", [], *outputs)
    written = {path.name: path.read_text(encoding="utf-8") for path in outputs}
    return written | {
        "page": render_page(root, study, partial=PARTIAL).html,
        "paper": write_paper(root, study)["results.tex"],
    }


def list_spans(html):
    return list(map(int, re.findall(r'<th scope="row">GRPO &amp; co</th><td colspan="(\d+)"', html)))


@pytest.mark.parametrize("table", TABLES)
def test_a_further_entry_of_a_list_is_a_column_everywhere(tmp_path, monkeypatch, table):
    before = make(tmp_path / "before")
    find = {
        "COSTS": lambda row: row["threads"] + 4_000,
        "CONSUMED": lambda row: row["seeds"] + 4_000,
    }.get(table, lambda row: row["n"] + 4_000)
    monkeypatch.setattr(tables, table, (*getattr(tables, table), Column("added", "Surplus", "count", find=find)))
    after = make(tmp_path / "after")
    file, times = TABLES[table]
    with (tmp_path / f"after/tables/{file}.csv").open(encoding="utf-8") as lines:
        assert all(row["added"].startswith("40") for row in csv.DictReader(lines))
    for name in before:
        assert "Surplus" not in before[name]
        assert after[name].count("Surplus") == times.get(name, 0)
        assert bool(re.search(r"\b4,0\d\d\b", after[name])) is bool(times.get(name))
    spans = [list_spans(texts["page"]) for texts in (before, after)]
    more = {"COSTS": [0, 0, 0, 1], "CONSUMED": [0] * 4, "CONTRASTS": [0] * 4, "MAIN": [0, 1, 1, 0]}[table]
    assert [new - old for old, new in zip(*spans, strict=True)] == more


def test_every_value_of_a_contrast_is_in_the_table_but_its_lists():
    known = {column.key for column in tables.list_columns(tables.CONTRASTS, tables.CSV)}
    assert set(Contrast.model_fields) - known == {
        "unequal",
        "equal_budget",
        "starved",
        "at_edge",
        "degenerate",
        "sources",
    }


@pytest.mark.parametrize("place", [tables.CSV, tables.PAGE, tables.LATEX])
@pytest.mark.parametrize("table", [tables.COSTS, tables.CONSUMED, tables.CONTRASTS, tables.ESTIMATES, tables.MAIN])
def test_a_place_has_no_column_twice_and_people_read_a_heading(table, place):
    shown = tables.list_columns(table, place)
    assert len({column.key for column in shown}) == len(shown)
    assert place == tables.CSV or all(column.heading for column in shown)
