"""Sizes and removal without following links."""

import os
from pathlib import Path

import pytest

from tests.unit.jobs.card_factory import write_file
from tunelab.upkeep.stale import list_tree, measure_bytes, measure_freed, remove_tree


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_links_are_listed_and_not_followed():
    write_file("mine/big")
    write_file("a/b/file")
    Path("a/to_folder").symlink_to(Path("mine").resolve())
    Path("a/to_nothing").symlink_to("nothing")
    assert list_tree(Path("a")) == [Path("a/b/file"), Path("a/to_folder"), Path("a/to_nothing")]
    assert list_tree(Path("a/to_folder")) == [Path("a/to_folder")]
    assert list_tree(Path("nothing")) == []


def test_a_link_is_removed_and_what_it_leads_to_stays():
    write_file("mine/big")
    Path("a").mkdir()
    Path("a/link").symlink_to(Path("mine").resolve())
    remove_tree(Path("a"))
    Path("b").symlink_to(Path("mine").resolve())
    remove_tree(Path("b"))
    assert not os.path.lexists("a")
    assert not os.path.lexists("b")
    assert Path("mine/big").read_text() == "mine/big"


def test_a_file_is_removed():
    remove_tree(Path(write_file("a")))
    assert not Path("a").exists()


def test_a_file_that_has_another_name_elsewhere_frees_nothing_unless_both_go():
    write_file("a/weights", "x" * 1000)
    write_file("a/other", "x" * 10)
    Path("b").mkdir()
    os.link("a/weights", "b/weights")
    assert measure_bytes([Path("a"), Path("b")]) == 2010
    assert measure_freed([Path("a")]) == 10
    assert measure_freed([Path("a"), Path("b")]) == 1010
