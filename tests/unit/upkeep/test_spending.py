"""What jobs took last time."""

import json

import pytest

from tests.unit.jobs.card_factory import write_card, write_file
from tunelab.errors import UserError
from tunelab.upkeep.resources import Spending, guess_spending, load_spending, render_spending

LOG, BENCHMARK = "results/logs/train/lora_seed1.log", "results/benchmarks/train/lora_seed1.jsonl"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_benchmark(*seconds):
    lines = [json.dumps({"s": value, "max_rss": 100.0, "rule_name": "train_sft"}) for value in seconds]
    write_file(BENCHMARK, "\n".join(lines) + "\n")


def test_a_card_goes_before_the_benchmark_which_tells_of_the_last_run_even_if_that_only_took_a_kept_result():
    write_benchmark(0.5)
    write_card(LOG)
    assert load_spending(LOG, BENCHMARK) == Spending(124.0, 3_100_000_000)


def test_without_a_card_the_last_line_of_the_benchmark_counts_in_mebibytes():
    write_benchmark(7.0, 9.5)
    assert load_spending(LOG, BENCHMARK) == Spending(9.5, 104_857_600)


def test_a_job_that_never_ran_took_nothing_that_is_known():
    assert load_spending(LOG, BENCHMARK) is None
    assert load_spending(LOG, None) is None


def test_a_broken_card_is_told_of():
    write_card(LOG).write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"results/cards/train/lora_seed1\.json is no provenance card; remove it"):
        load_spending(LOG, BENCHMARK)


def test_a_guess_is_the_middle_time_and_the_highest_memory():
    known = [Spending(10, 5), Spending(1000, 7), Spending(20, 6)]
    assert guess_spending(known) == Spending(20, 7, guessed=True)
    assert guess_spending([]) is None


def test_jobs_are_summed_up():
    known = [Spending(60, 1e9), Spending(64, 3.1e9)]
    assert render_spending(known).replace("\u202f", " ") == "2 min 04 s, 3.1 GB last time"
    assert render_spending([*known, Spending(6, 1, guessed=True)]).replace("\u202f", " ") == "about 2 min 10 s, 3.1 GB"
    assert render_spending([known[0], None]).replace("\u202f", " ") == "about 1 min 00 s, 1.0 GB"
    assert render_spending([None]) == "time unknown"


def test_a_job_that_was_over_before_it_could_be_measured_tells_nothing():
    write_file(BENCHMARK, json.dumps({"s": 0.01, "max_rss": "NA", "rule_name": "train_sft"}) + "\n")
    assert load_spending(LOG, BENCHMARK) is None
