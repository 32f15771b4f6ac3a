"""What the page says of looks: how far they are, when each difference was decided, and what would decide the rest."""

import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tests.unit.reporting.page_factory import draw_figures, render_page, write_comparison
from tunelab.records import read_json, write_json

RUNS = ("base", "lora", "prefix")
LOOKS = {"seeds": [2, 4], "spend": [0.4, 0.6]}


def render(root, planned, **study):
    """Render the page of a study with so many of its four seeds for each run; None: all have all of them."""
    spec = build_study(RUNS, (1, 2, 3, 4))
    if not (root / "runs").exists():
        write_results(root, spec, rows=12)
    spec["study"] |= {"looks": LOOKS} | study
    if planned:
        spec["study"]["run_seeds"] = {run: [1, 2, 3, 4][: planned[run]] for run in RUNS}
    write_comparison(root, spec)
    draw_figures(root, spec)
    return render_page(root, spec).words


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("looks_page")


@pytest.fixture(scope="module")
def first(root):
    return render(root, dict.fromkeys(RUNS, 2))


def test_a_page_says_which_look_is_due_and_for_which_runs(first):
    assert "More seeds are due. Look 2 of 2 is due, with more seeds for the runs of: LoRA against untouched" in first
    assert "2 looks were planned beforehand; taken so far: 1. Seeds at each: 2." in first
    assert "2 were trained, each with 2 seeds" in first


def test_a_verdict_says_at_which_look_it_stands_with_its_seeds_and_level(first):
    assert "not decided by look 1 of 2, with 2 seeds; interval of 98" in first
    assert "Estimates after an early stop lean outward" in first


def test_what_would_decide_is_told_with_the_time_that_it_takes(first):
    told = first.partition("What would decide the undecided differences with a chance of 80")[2]
    assert " on Grade-school sums: " in told
    assert "rows instead of 12 (" in told
    assert " more)" in told


def test_numbers_of_simulations_are_looked_up(first):
    assert "In simulations of 4 contrasts without any difference such looks found one in 3.7" in first


def test_runs_may_have_different_numbers_of_seeds_and_what_is_left_is_the_last_word(root, first):
    words = render(root, {"base": 4, "lora": 4, "prefix": 2})
    assert "2 were trained, each with 2 to 4 seeds" in words
    words = render(root, dict.fromkeys(RUNS, 4))
    assert "More seeds are due" not in words
    assert "by look 2 of 2, with 4 seeds; interval of 97" in words
    assert "are others than when it was first taken" not in words


def test_numbers_that_changed_since_a_look_was_taken_are_told(root, first):
    ledger = read_json(root / "looks.json")
    ledger[0]["contrasts"][0]["value"] = 7.0
    write_json(root / "looks.json", ledger)
    words = render(root, dict.fromkeys(RUNS, 4))
    assert "The numbers of look 1 are others than when it was first taken" in words


def test_seeds_that_were_added_after_results_had_been_seen_are_told_first(tmp_path):
    words = render(tmp_path, {"base": 2, "lora": 2, "prefix": 2}, looks=None, seeds=[1, 2])
    assert "had been seen" not in words
    words = render(tmp_path, None, looks=None)
    assert (
        "Seeds were added after results had been seen. The declared differences were tested before with seeds 1, 2,"
        in words
    )
    words = render(tmp_path, None, looks=None, seeds=[2, 3, 4])
    assert "Seeds were exchanged after results had been seen." in words
