"""What jobs claim is told by what the study may use and what they took, never guessed for another machine."""

import re

import pytest

from tests.study_copy import call_snakemake

HEAVY = {"measure_precision", "train_sft", "train_grpo", "generate_answers", "measure_loss", "measure_drift"}


def list_claims(folder, monkeypatch, visible, *options):
    """Plan the default study where these GPUs are visible; return each rule's claim of GPUs and its threads."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    code, printed = call_snakemake(folder, "--dry-run", "--cores", "8", *options)
    assert code == 0, printed
    claims = {}
    for job in re.split(r"\n(?=(?:local)?rule )", printed):
        if (name := re.match(r"(?:local)?rule (\w+):", job)) and (gpu := re.search(r"gpu=(\d+)", job)):
            threads = re.search(r"threads: (\d+)", job)
            claims[name[1]] = (int(gpu[1]), int(threads[1]) if threads else 1)
    return claims


def test_each_heavy_job_claims_one_of_the_gpus_that_there_are(project, monkeypatch):
    claims = list_claims(project, monkeypatch, "0,1,2,3")
    assert set(claims) > HEAVY and {gpus for gpus, _ in claims.values()} == {1}
    assert claims["train_sft"] == (1, 2)  # so that four of them fit on eight cores


def test_without_a_gpu_a_training_has_the_cores(project, monkeypatch):
    claims = list_claims(project, monkeypatch, "")
    assert set(claims) > HEAVY and {gpus for gpus, _ in claims.values()} == {0}
    assert claims["train_sft"] == (0, 8)


@pytest.mark.parametrize(("limit", "claim"), [("gpu=0", (0, 8)), ("gpu=1", (1, 4))])
def test_a_limit_that_is_set_goes_before_what_there_is(project, monkeypatch, limit, claim):
    assert list_claims(project, monkeypatch, "0,1,2,3", "--resources", limit)["train_sft"] == claim


def test_a_cluster_is_asked_for_gpus_only_if_it_is_said_how_many(project, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    cluster = ("--dry-run", "--jobs", "8", "--executor", "dryrun")
    code, printed = call_snakemake(project, *cluster)
    assert code == 1
    assert "set the resource `gpu`, how many the study may use at a time (0: none)" in printed
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    code, printed = call_snakemake(project, *cluster, "--resources", "gpu=4")
    assert code == 0
    assert re.search(r"rule train_sft:(?:\n    .*)*\n    resources: .*gpu=1", printed)


def test_a_job_of_a_cluster_claims_memory_and_time(project):
    options = ("--dry-run", "--jobs", "8", "--executor", "dryrun", "--resources", "gpu=0")
    code, printed = call_snakemake(project, *options)
    assert code == 0
    jobs = dict(re.findall(r"^(?:local)?rule (\w+):((?:\n    .*)*)", printed, re.MULTILINE))
    claiming = {name for name, text in jobs.items() if "mem_mb=16000" in text and "runtime=240" in text}
    assert claiming > HEAVY
    assert not claiming & {"score_answers", "fetch_model", "render_report"}


def test_a_training_by_several_processes_claims_a_gpu_for_each(project, monkeypatch):
    shared = ("--config", "runs={grpo: {launch: {processes: 2}}}")
    claims = list_claims(project, monkeypatch, "0,1,2,3", *shared)
    assert (claims["train_grpo"][0], claims["train_sft"][0], claims["generate_answers"][0]) == (2, 1, 1)
    assert list_claims(project, monkeypatch, "", *shared)["train_grpo"] == (0, 8)


def test_more_processes_than_gpus_are_refused_before_anything_runs(project, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    shared = ("--dry-run", "--cores", "8", "--config", "runs={grpo: {launch: {processes: 2}}}")
    code, printed = call_snakemake(project, *shared, "--resources", "gpu=1")
    assert code == 1
    assert "runs.grpo.launch.processes: 2 processes need a GPU each, and the study may use 1 at a time" in printed
    assert call_snakemake(project, *shared)[0] == 0
