"""Metrics and rewards of the user's own in results, tables and page, in both languages."""

import csv

import pandas
import pytest
import render_tables

from tests.unit.comparison import run_factory
from tests.unit.comparison.results_factory import build_study
from tests.unit.reporting.page_factory import TEMPLATES, prepare_study, render_page
from tunelab.comparison.metrics import find_metric
from tunelab.records import read_json, read_jsonl

OWN = {"brevity_of_it": {"file": "my.py", "better": "higher"}, "waste": {"file": "my.py", "better": "lower"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study whose tasks have metrics of the user's own, and whose GRPO run has such a reward; and its two pages."""
    root, study = tmp_path_factory.mktemp("results"), build_study()
    study["tasks"]["arithmetic"]["metrics"], study["tasks"]["support"]["metrics"] = OWN, {"waste": OWN["waste"]}
    study["comparison"]["margins"] |= {"brevity_of_it": 0.5, "waste": 0.1}
    study["runs"]["grpo"]["rewards"] |= {"functions": {"mine": "my.py"}}
    study["runs"]["grpo"]["rewards"]["weights"]["mine"] = 0.2
    draw = run_factory.draw_answers

    def draw_more(drawn, run, task, examples):
        answers, scores, losses = draw(drawn, run, task, examples)
        for place, row in enumerate(scores):
            row["waste"] = place / 10 + (2.0 if run == "grpo" else -3.0)
            row["brevity_of_it"] = place % 2 - 0.5
            if "rewards" in row:
                row["rewards"]["mine"] = None if place % 3 else 0.25
        return answers, scores, losses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_factory, "draw_answers", draw_more)
        prepare_study(root, study)
    file = root / "runs/grpo/seed1/completions.parquet"
    table = pandas.read_parquet(file)
    table["mine"] = [0.5 if place % 4 else None for place in range(len(table))]
    table.loc[0, "reward"] = None
    table.to_parquet(file)
    pages = {}
    for language in ("en", "zh"):
        study["study"]["language"] = language
        pages[language] = render_page(root, study)
    return root, study, pages


def test_a_metric_of_ones_own_is_estimated_and_compared_by_its_direction(made):
    root, _, _ = made
    results = read_json(root / "results.json")
    found = [row for row in results["estimates"] if row["metric"] == "waste"]
    assert {row["task"] for row in found} == {"arithmetic", "support"} and len(found) == 10
    assert [row["value"] for row in found if row["run"] == "base"] == pytest.approx([0.55 - 3] * 2)
    assert all(row["low"] <= row["value"] <= row["high"] for row in found)
    (row,) = (
        row
        for row in results["contrasts"]
        if (row["metric"], row["task"], row["run"], row["against"]) == ("waste", "arithmetic", "grpo", "base")
    )
    assert (row["verdict"], row["margin"], row["primary"]) == ("worse", 0.1, False)
    (same,) = (
        row
        for row in results["contrasts"]
        if (row["metric"], row["task"], row["run"], row["against"]) == ("brevity_of_it", "arithmetic", "lora", "base")
    )
    assert same["verdict"] == "equivalent"
    assert {row["metric"] for row in results["repeats"]} >= {"waste", "brevity_of_it"}
    assert find_metric("waste", {"waste": "lower"}).better == "lower" and find_metric("waste").own


def test_rewards_that_do_not_apply_count_for_nothing(made):
    root, _, _ = made
    results = read_json(root / "results.json")
    scores = read_jsonl(root / "runs/grpo/seed1/arithmetic/scores.jsonl")
    sums = [sum(value for value in row["rewards"].values() if value is not None) for row in scores]
    (row,) = (
        row
        for row in results["estimates"]
        if (row["run"], row["task"], row["metric"]) == ("grpo", "arithmetic", "reward")
    )
    assert row["value"] == pytest.approx(sum(sums) / len(sums))


def test_tables_have_a_column_for_each(made):
    root, study, _ = made
    rows = list(csv.DictReader((root / "tables/main.csv").open()))
    assert {"brevity_of_it", "waste_low", "strict"} <= set(rows[0])
    assert all((row["brevity_of_it"] == "") == (row["task"] == "support") and row["waste"] for row in rows)
    outputs = root / "main.tex", root / "contrasts.tex"
    render_tables.main(str(root), study, root / "results.json", TEMPLATES, *outputs)
    assert r"brevity\_of\_it \ensuremath{\uparrow}" in outputs[0].read_text()
    assert outputs[0].read_text().count(r"waste \ensuremath{\downarrow}") == 2


def test_the_page_shows_them_under_their_own_names_in_both_languages(made):
    _, _, pages = made
    for page, told in (
        (pages["en"], "what a function of this study's own makes of the answer"),
        (pages["zh"], "本研究自己的函数对回答给出的值"),
    ):
        assert page.words.count("brevity_of_it ↑") >= 3 and page.words.count("waste ↓") >= 3
        assert told in page.words
        assert "rewards.functions.mine" in page.words or "functions.mine" in page.words
        assert '"reward_names":["correctness","integer","strict_format","soft_format","xml_count","mine"]' in page.html
        assert "mine 0.50" in page.words and "mine –" in page.words
    assert "reward –" in pages["en"].words
