"""Tools read configs as Snakemake does."""

import shutil
from pathlib import Path

import pytest
from snakemake.utils import update_config

from tunelab.errors import UserError
from tunelab.upkeep.overlays import merge, read_config

PROJECT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(PROJECT / "config", tmp_path / "config")


@pytest.mark.parametrize(
    ("below", "above"),
    [
        ({"a": {"x": 1, "y": {"z": 1}}}, {"a": {"y": {"z": 2, "w": 3}}}),
        ({"a": [1, 2]}, {"a": [3]}),
        ({"a": {"x": 1}}, {"a": {}}),
        ({"a": {"x": 1}}, {"a": None}),
        ({"a": 1}, {"a": {"x": {"y": 1}}}),
        ({}, {"a": {}}),
    ],
)
def test_merging_is_snakemakes(below, above):
    expected = {key: dict(value) if isinstance(value, dict) else value for key, value in below.items()}
    update_config(expected, above)
    assert merge(below, above) == expected


def test_merging_leaves_what_it_merges_alone():
    below = {"a": {"x": {"y": 1}}}
    merge(below, {"a": {"x": {"y": 2}}})
    assert below == {"a": {"x": {"y": 1}}}


def test_overlays_come_one_after_the_other():
    Path("config/mine.yaml").write_text("study: {title: Mine, seeds: [7]}\n", encoding="utf-8")
    assert read_config().study.results == "results"
    config = read_config([Path("config/smoke.yaml"), Path("config/mine.yaml")])
    assert (config.study.results, config.study.title, config.study.seeds) == ("results/smoke", "Mine", (7,))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"config/mine\.yaml cannot be read \(No such file or directory\); name an overlay that exists"),
        ("a: [1", r"config/mine\.yaml is not YAML: the \[ of line 1 is never closed"),
        ("", r"config/mine\.yaml must hold keys and values, like config/config\.yaml \(got None\)"),
        ("- a", r"config/mine\.yaml must hold keys and values"),
        ("study: {seedz: [1]}", r"config/mine\.yaml is not valid:\n.*study\.seedz"),
    ],
)
def test_a_broken_overlay_is_a_sentence(content, said):
    if content is not None:
        Path("config/mine.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_config([Path("config/mine.yaml")])


def test_a_file_that_is_no_text_is_a_sentence():
    Path("config/mine.yaml").write_bytes(b"\xff\xfea\x00")
    with pytest.raises(UserError, match=r"config/mine\.yaml: line 1 is not UTF-8"):
        read_config([Path("config/mine.yaml")])
