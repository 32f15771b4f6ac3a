"""What a job claims of a cluster, by what it took before."""

from pathlib import Path

import pytest

from tests.unit.jobs.card_factory import write_card
from tunelab.upkeep.resources import Claims, read_taken

LORA, OTHER = {"run": "lora", "seed": "1"}, {"run": "dora", "seed": "1"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def measure(run="lora", **told):
    write_card(f"results/logs/train/{run}_seed1.log", wildcards={"run": run, "seed": "1"}, **told)


def claim(wildcards=LORA, attempt=1, gpu=False, rule="train_sft"):
    claims = Claims(read_taken(Path("results")), gpu)
    return (
        claims.threads(wildcards, rule),
        claims.megabytes(wildcards, rule, attempt),
        claims.minutes(wildcards, rule, attempt),
    )


def test_what_is_not_known_is_guessed_and_a_job_on_a_gpu_needs_few_cores():
    assert claim() == (8, 16_000, 240)
    assert claim(gpu=True) == (4, 16_000, 240)


def test_a_job_claims_more_than_it_took_since_machines_differ():
    measure(seconds=3600.0, peak_memory_bytes=4_000_000_000, cpu_seconds=7000.0, threads=2)
    assert claim() == (8, 7_000, 135)  # it kept both of its threads busy, so more may help


def test_threads_that_were_idle_are_not_claimed_again():
    measure(seconds=100.0, cpu_seconds=230.0, threads=16)
    assert claim()[0] == 3
    measure(seconds=100.0, cpu_seconds=20.0, threads=16)
    assert claim()[0] == 1


def test_each_attempt_claims_more_memory_and_time():
    measure(seconds=3600.0, peak_memory_bytes=4_000_000_000)
    assert claim(attempt=3)[1:] == (21_000, 405)
    assert claim(rule="measure_loss", attempt=2) == (8, 32_000, 480)


def test_a_job_that_never_ran_is_judged_by_the_most_that_one_of_its_rule_took():
    measure(seconds=60.0, peak_memory_bytes=4_000_000_000)
    measure(run="prefix", seconds=3600.0, peak_memory_bytes=2_000_000_000)
    assert claim(OTHER)[1:] == (7_000, 135)
    assert claim()[1:] == (7_000, 17)  # and one that did, by itself


def test_cards_of_before_processor_time_was_told_say_nothing_of_threads():
    measure(seconds=100.0, threads=16)
    assert claim()[0] == 8
