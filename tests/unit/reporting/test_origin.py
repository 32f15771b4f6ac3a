"""The page says which code made its numbers, and when, as the cards of its jobs tell."""

import subprocess

import pytest

from tests.unit.comparison.results_factory import build_study
from tunelab import records
from tunelab.jobs.checkout import find_address
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.facts import describe_origin

FIRST, SECOND = "a" * 40, "b" * 40


@pytest.fixture
def study(tmp_path):
    return StudyFolder(tmp_path / "results", build_study())


def write_card(study, name, finished, commit, dirty, outputs, inputs=()):
    card = {"finished": f"{finished}T10:00:00Z", "commit": commit, "dirty": dirty}
    card |= {"outputs": dict.fromkeys(outputs, "hash"), "inputs": dict.fromkeys(inputs, "hash")}
    records.write_json(study.root / "cards" / f"{name}.json", card)


def test_days_and_commits_are_those_of_the_jobs_behind_the_numbers(study):
    results = study.name(study.results_file)
    write_card(study, "compare", "2026-03-04", SECOND, False, [results], ["scores", "losses"])
    write_card(study, "score", "2026-03-02", FIRST, True, ["scores"])
    write_card(study, "loss", "2026-03-03", FIRST, False, ["losses"])
    write_card(study, "another", "2026-03-09", "c" * 40, False, ["of another run"])
    told = describe_origin(study)
    assert told["days"] == ["2026-03-02", "2026-03-04"]
    assert told["commits"] == [{"commit": SECOND, "dirty": False}, {"commit": FIRST, "dirty": True}]


def test_without_cards_nothing_is_told(study):
    told = describe_origin(study)
    assert (told["days"], told["commits"]) == ([], [])


def test_outside_a_checkout_there_is_a_day_and_no_commit(study):
    write_card(study, "compare", "2026-03-04", None, None, [study.name(study.results_file)])
    told = describe_origin(study)
    assert (told["days"], told["commits"]) == (["2026-03-04"], [])


@pytest.mark.parametrize(
    ("cloned", "address"),
    [
        ("https://example.org/group/tunelab.git", "https://example.org/group/tunelab"),
        ("https://me:secret@example.org/group/tunelab", "https://example.org/group/tunelab"),
        ("git@example.org:group/tunelab.git", "https://example.org/group/tunelab"),
        ("ssh://git@example.org:2222/group/tunelab.git", "https://example.org/group/tunelab"),
        ("/home/me/tunelab", None),
        ("../tunelab", None),
        ("file:///srv/tunelab", None),
        ("", None),
    ],
)
def test_the_address_is_that_of_the_web_without_secrets(tmp_path, cloned, address):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    if cloned:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", cloned], check=True)
    assert find_address(tmp_path) == address
