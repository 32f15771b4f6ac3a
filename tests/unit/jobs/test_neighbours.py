"""Two studies in one folder of results: whose page would be replaced is told, and whose is made again is not."""

import json
from pathlib import Path

import pytest

from tests.unit.jobs.card_factory import write_card, write_file
from tunelab.jobs.working_folder import FILE, describe_other, note_study

DEFAULT, MINE = ["config/config.yaml"], ["config/mine.yaml"]
REMEDY = "to keep both, give one a folder of its own, such as `study.results: results/mine`."


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_file("results/report.html")
    return tmp_path


def test_a_page_of_other_config_files_is_told_with_the_remedy():
    note_study("results", DEFAULT)
    assert describe_other("results", DEFAULT, "Any title, as it may be edited") is None
    told = (
        "results/report.html is the page of another study (config/config.yaml), and config/mine.yaml would replace it; "
    )
    assert describe_other("results", MINE, "Mine") == told + REMEDY
    note_study("results", MINE)
    assert describe_other("results", MINE, "Mine") is None
    assert "another study (config/mine.yaml), and config/config.yaml would" in describe_other(
        "results", DEFAULT, "Ours"
    )
    assert REMEDY in describe_other("results", DEFAULT, "Ours")


def test_every_folder_has_a_page_of_its_own_and_one_without_tells_nothing():
    note_study("results/mine", MINE)
    note_study("results", DEFAULT)
    assert json.loads(FILE.read_text(encoding="utf-8")) == {"results/mine": MINE, "results": DEFAULT}
    assert describe_other("results/mine", DEFAULT, "Ours") is None
    Path("results/report.html").unlink()
    assert describe_other("results", MINE, "Mine") is None


def test_a_page_that_came_from_elsewhere_is_known_by_its_title():
    assert describe_other("results", MINE, "Mine") is None, "nothing is known of it"
    write_card("results/logs/render_report.log", ["study.title = 'Ours'"], outputs=["results/report.html"])
    assert describe_other("results", MINE, "Ours") is None
    assert describe_other("results", MINE, "Mine").startswith(
        "results/report.html is the page of another study ('Ours'),"
    )
    FILE.parent.mkdir()
    FILE.write_text("{damaged", encoding="utf-8")
    assert describe_other("results", MINE, "Ours") is None
