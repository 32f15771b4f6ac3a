"""Results that came without `.snakemake/` are checked by their cards."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.jobs.card_factory import write_card, write_file
from tunelab.upkeep.moved_results import check_jobs, render_verdicts
from tunelab.upkeep.planning import Job

FACTS = ("runs.lora.adapter.r = 8", "code tunelab/training/sft.py = 34ff815be161")


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """A chain of three jobs, each with its card, of which Snakemake has no records."""
    monkeypatch.chdir(tmp_path)
    rows = write_file("results/datasets/chat/train_dataset.json")
    weights, answers = (
        write_file(f"results/runs/lora/seed1/{name}") for name in ("adapter.safetensors", "sums/answers")
    )
    scores = write_file("results/runs/lora/seed1/sums/scores")
    chain = [
        build_job("train", {"run": "lora", "seed": "1"}, [rows], [weights], FACTS),
        build_job("generate_answers", {"run": "lora", "seed": "1", "task": "sums"}, [weights], [answers], ["a = 1"]),
        build_job("score_answers", {"run": "lora", "seed": "1", "task": "sums"}, [answers], [scores], ["b = 1"]),
    ]
    for job in chain:
        write_card(job.log, job.facts, job.inputs, job.outputs)
    return chain


def build_job(stage, wildcards, inputs, outputs, facts):
    log = f"results/logs/{stage}/{'_'.join(wildcards.values())}.log"
    return Job(stage, wildcards, log, None, tuple(inputs), tuple(outputs), tuple(facts), known=False, runs=False)


def list_causes(jobs):
    return {verdict.job.rule: verdict.causes for verdict in check_jobs(jobs)}


def test_results_that_agree_with_their_cards_are_up_to_date(jobs):
    assert list_causes(jobs) == {"train": (), "generate_answers": (), "score_answers": ()}


def test_a_changed_setting_is_told_and_what_follows_is_not_judged(jobs):
    jobs[0] = replace(jobs[0], facts=("runs.lora.adapter.r = 16", FACTS[1]))
    assert list_causes(jobs) == {"train": ("runs.lora.adapter.r: 8 → 16",)}


def test_a_changed_input_is_told(jobs):
    write_file(jobs[0].inputs[0], "other rows")
    assert list_causes(jobs) == {"train": ("results/datasets/chat/train_dataset.json changed",)}


def test_an_input_that_is_gone_counts_as_changed(jobs):
    Path(jobs[0].inputs[0]).unlink()
    assert list_causes(jobs) == {"train": ("results/datasets/chat/train_dataset.json changed",)}


def test_another_list_of_inputs_is_told(jobs):
    jobs[2] = replace(jobs[2], inputs=(*jobs[2].inputs, write_file("results/more")))
    assert list_causes(jobs)["score_answers"] == ("it takes other files now",)


def test_a_missing_output_in_the_middle_is_told_which_snakemake_does_not_see(jobs):
    Path(jobs[1].outputs[0]).unlink()
    assert list_causes(jobs) == {"train": (), "generate_answers": (f"{jobs[1].outputs[0]} is missing",)}


def test_a_job_without_a_card_cannot_be_judged_but_what_follows_can(jobs):
    Path("results/cards/train/lora_1.json").unlink()
    assert list_causes(jobs) == {"train": None, "generate_answers": (), "score_answers": ()}


def test_jobs_that_snakemake_knows_are_its_own_business(jobs):
    assert check_jobs([replace(job, known=True, facts=()) for job in jobs]) == []
    known = [replace(jobs[0], known=True, runs=True), *jobs[1:]]
    assert check_jobs(known) == [], "they follow from a job that runs"


def test_a_job_that_snakemake_would_run_only_for_a_newer_file_time_is_judged(jobs):
    assert list_causes([replace(job, runs=True) for job in jobs]) == dict.fromkeys(
        ("train", "generate_answers", "score_answers"), ()
    )


def test_a_job_that_was_never_run_is_not_judged_nor_what_follows(jobs):
    Path(jobs[0].outputs[0]).unlink()
    assert check_jobs([replace(job, runs=True) for job in jobs]) == []


def test_results_that_agree_are_taken_over_by_one_command_that_runs_nothing(jobs):
    assert render_verdicts(check_jobs(jobs), []).splitlines()[1:] == [
        "  up to date: 3 jobs",
        "Have Snakemake take what is here for up to date; this runs nothing:",
        "  snakemake --cores all --touch --forceall --quiet all",
    ]


def test_what_is_out_of_date_is_made_again_before_the_rest_is_taken_over(jobs):
    jobs[1] = replace(jobs[1], facts=("a = 2",))
    Path("results/cards/train/lora_1.json").unlink()
    assert render_verdicts(check_jobs(jobs), [Path("config/smoke.yaml")]).splitlines() == [
        "Results came without .snakemake/, so Snakemake cannot see what changed since. By their jobs' cards:",
        "  train lora · seed 1: no card, so nobody can tell",
        "  generate_answers lora · seed 1 · sums: a: 1 → 2",
        "  up to date: 0 jobs",
        "Make what is out of date again, and what follows:",
        "  snakemake --cores all --configfile config/smoke.yaml --forcerun results/runs/lora/seed1/sums/answers",
        "Then have Snakemake take what is here for up to date; this runs nothing:",
        "  snakemake --cores all --configfile config/smoke.yaml --touch --forceall --quiet all",
    ]


def test_a_command_can_be_typed_whatever_a_config_is_called(jobs):
    Path("results/cards/train/lora_1.json").unlink()
    lines = render_verdicts(check_jobs(jobs), [Path("my config/it's.yaml")])
    assert """--configfile 'my config/it'"'"'s.yaml' --touch""" in lines


def test_equal_findings_share_a_line_and_many_are_counted(jobs):
    many = [replace(jobs[0], wildcards={"run": f"r{n}", "seed": "1"}, facts=("x = 1",)) for n in range(5)]
    lines = render_verdicts(check_jobs(many), []).splitlines()
    assert lines[1].startswith("  train ×5: 5 runs · seed 1: x: not set → 1; runs.lora.adapter.r: 8 → not set")
    different = [replace(job, facts=(f"x = {n}",)) for n, job in enumerate(many * 3)]
    lines = render_verdicts(check_jobs(different), []).splitlines()
    assert "  … and 5 more lines" in lines
    assert len(lines) == 17
