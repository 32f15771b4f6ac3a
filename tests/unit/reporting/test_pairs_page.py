"""Held-out pairs on the page, in tables and in the paper, and nothing of them where there are none."""

import csv
import re

import pytest
import render_tables

from tests.unit.comparison.pair_factory import write_pairs
from tests.unit.comparison.results_factory import METHODS, build_study
from tests.unit.reporting.page_factory import TEMPLATES, draw_figures, render_page, write_comparison
from tests.unit.reporting.test_paper import list_cited, write_paper
from tunelab.records import read_json
from tunelab.reporting.notation import format_percent

LEARNT = "What was learnt of pairs, and what only of these pairs"


def make(root, runs=tuple(METHODS), seeds=(1, 2)):
    study = write_pairs(root, build_study(runs=runs, seeds=seeds))
    write_comparison(root, study)
    draw_figures(root, study)
    return study


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs")
    return root, make(root)


def test_the_health_of_training_stands_beside_the_same_on_held_out_pairs(made):
    page = render_page(*made)
    assert LEARNT in page.words and "Implicit rewardHow much likelier" in page.words
    results = read_json(made[0] / "results.json")
    shown = {row["seed"]: row for row in results["implicit"] if row["run"] == "dpo"}
    assert set(shown) == {1, 2, None}
    for seed in (1, 2):
        row = shown[seed]
        told = f'#/implicit/{results["implicit"].index(row)}">{format_percent(row["accuracy"]["value"])}</a>'
        assert told in page.html
    assert page.words.count("Held-out pairs") == 1


def test_results_and_contrasts_have_both_rankings(made):
    root, study = made
    page = render_page(root, study)
    assert "ranking accuracy ↑" in page.words and "ranking accuracy per token ↑" in page.words
    assert "the chosen answer of a pair is likelier than the rejected one" in page.words
    assert "; whether it is likelier than the answer that its pair rejects" in page.words
    rows = list(csv.DictReader((root / "tables/main.csv").open()))
    assert all((row["ranking"] == "") == (row["task"] == "arithmetic") for row in rows)
    outputs = root / "main.tex", root / "contrasts.tex"
    render_tables.main(str(root), study, root / "results.json", TEMPLATES, *outputs)
    assert outputs[0].read_text().count("ranking accuracy") == 2


def test_the_paper_has_both_rankings_and_cites_their_works(made):
    texts = write_paper(*made)
    assert {"chen2024rankings", "meng2024simpo"} <= list_cited(texts)
    assert texts["results.tex"].count("ranking accuracy per token") > 1
    told = re.findall(
        r"DPO, seed (\d): of held-out pairs on Technical questions \(n = 12\) .* of training pairs in 100",
        texts["results.tex"],
    )
    assert told == ["1", "2"]


def test_the_page_in_chinese_leaves_no_word_of_it_in_english(made):
    root, study = made
    page = render_page(root, study | {"study": study["study"] | {"language": "zh"}})
    assert "排序准确率" in page.words and "留出的成对" in page.words and "隐式奖励" in page.words
    assert "ranking accuracy" not in page.words and LEARNT not in page.words


def test_a_start_that_is_not_in_the_study_is_said_in_place_of_the_number(tmp_path):
    page = render_page(tmp_path, make(tmp_path, runs=("base", "dpo"), seeds=(1,)))
    assert "Held-out pairs" in page.words and "/implicit/" not in page.html
    # beside what training logged, for the difference from it, and for its cost
    assert page.words.count("start not in this study") == 3


def test_a_page_without_pairs_says_nothing_of_them(made_study):
    root, study = made_study
    page, texts = render_page(root, study), write_paper(root, study)
    for text in (page.words, *texts.values(), (root / "tables/main.csv").read_text()):
        assert "ranking accuracy" not in text and "ranking_per_token" not in text
    assert "Held-out pairs" not in page.words and "Implicit reward" not in page.words
