"""What `make gpu-check` reads and prints, on artificial summaries, without a GPU."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts import gpu_check
from tests.unit.jobs.card_factory import write_card, write_file
from tunelab.benchmarks import gpu_report
from tunelab.benchmarks.gpu_report import (
    TrainedRun,
    describe_gpu,
    describe_weights,
    list_checks,
    read_runs,
    render_check,
)
from tunelab.errors import UserError
from tunelab.upkeep.overlays import read_config
from tunelab.upkeep.partial import find_failures

PROJECT = Path(__file__).parents[3]
RESULTS = Path("results/gpu_check")
GPU = "Made-up GPU"
LOSSES = (2.0, 1.8, 1.5, 1.0)
WELL = TrainedRun("lora", "sft", True, "as computed", "default", "bfloat16", GPU, 0.05, 2_000_000_000, LOSSES)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(PROJECT / "config", tmp_path / "config")


def write_log(name, text="", done=True):
    log = write_file(f"{RESULTS}/logs/{name}.log", text or "step 1")
    if done:
        write_card(log, outputs=[write_file(f"{RESULTS}/made/{name}")])


def write_training(run, losses=LOSSES, rewards=()):
    place = f"{RESULTS}/runs/{run}/seed1"
    summary = {"dtype": "bfloat16", "device": GPU, "peak_memory_bytes": 3_000_000_000}
    write_file(f"{place}/training.json", json.dumps(summary))
    rows = [{"step": i + 1, "seconds": 5 + 0.1 * i, "loss": loss} for i, loss in enumerate(losses)]
    rows = [row | ({"reward": rewards[i]} if rewards else {}) for i, row in enumerate(rows)]
    rows.insert(2, {"step": 2, "seconds": 5.1, "eval_loss": 9.0})
    write_file(f"{place}/history.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write_log(f"train/{run}_seed1")


def read(run):
    (arm,) = (arm for arm in read_runs(read_config([gpu_check.STUDY])) if arm.run == run)
    return arm


def test_a_run_is_read_from_what_its_jobs_left():
    write_training("grpo_qlora", rewards=(0.0, 0.5, 0.5, 1.5))
    write_file(f"{RESULTS}/runs/grpo_qlora/seed1/sums/scores.jsonl")
    arm = read("grpo_qlora")
    assert arm.seconds == pytest.approx(0.1)
    assert arm == TrainedRun(
        "grpo_qlora", "grpo", False, "nf4, double", "default", "bfloat16", GPU, arm.seconds, 3_000_000_000, LOSSES,
        (0.0, 0.5, 0.5, 1.5),
    )  # fmt: skip


def test_a_failed_training_is_told_with_its_reason_and_what_waited_for_it_too():
    write_log("train/qlora_seed1", "Traceback (most recent call last):\n  x\nRuntimeError: no kernel", done=False)
    assert read("qlora").failure == "train/qlora_seed1: RuntimeError: no kernel"
    assert read("prefix_qlora").failure == "not run: what it needs failed"


def test_a_run_whose_evaluation_failed_has_failed_though_its_training_is_there():
    write_training("lora")
    assert read("lora").failure == "its evaluation did not run"
    write_log("measure_loss/lora_seed1_sums", "Error: Out of memory.", done=False)
    assert read("lora").failure == "measure_loss/lora_seed1_sums: Out of memory."
    assert read("lora").precision == "bfloat16"


def test_a_job_that_failed_after_it_had_once_ended_well_has_failed():
    write_log("train/lora_seed1")
    assert find_failures(RESULTS) == {}
    Path(f"{RESULTS}/made/train/lora_seed1").unlink()
    assert list(find_failures(RESULTS)) == ["train/lora_seed1"]


def test_it_says_how_the_base_is_held():
    assert describe_weights({"quantization": None}) == "as computed"
    assert describe_weights({"quantization": {"load_in_8bit": True}}) == "8 bits"
    assert describe_weights({"quantization": {"load_in_4bit": True}}) == "fp4"


def judge(*arms, repeats=()):
    return {check.what: check for check in list_checks(list(arms), GPU, list(repeats))}


def test_what_is_well_holds_and_what_is_not_is_named():
    assert all(check.holds is not False for check in judge(WELL).values())
    rising, broken = WELL._replace(losses=LOSSES[::-1]), WELL._replace(losses=(2.0, None, 1.0))
    elsewhere, failed = WELL._replace(device="CPU (x)"), WELL._replace(failure="train/x: y")
    cases = {"losses of given answers fell": rising, "every loss is a finite number": broken}
    cases |= {f"trained on {GPU}": elsewhere, "all trainings and evaluations ended well": failed}
    for what, arm in cases.items():
        found = judge(WELL, arm._replace(run="other"))
        assert [check.what for check in found.values() if check.holds is False] == [what]
        assert found[what].found == "not other"


def test_only_the_loss_of_given_answers_must_fall():
    assert judge(WELL._replace(taught=False, losses=LOSSES[::-1]))["losses of given answers fell"].holds is None
    assert [arm.run for arm in read_runs(read_config([gpu_check.STUDY])) if arm.taught] == [
        *("lora", "lora_fp16", "qlora", "int8", "paged", "prefix_qlora", "full", "warmstart")
    ]


def test_repeated_evaluations_are_told_with_their_changes():
    row = {"task": "sums", "metric": "strict", "value": 0.5, "repeated": 0.46875}
    what = "evaluated again with the same result"
    found = judge(WELL, repeats=[row | {"repeat": "again", "repeated": 0.5}, row | {"repeat": "rebatched"}])[what]
    assert found.holds
    assert found.found.startswith("changes: sums strict +0;")
    assert found.found.endswith("in batches of another size, which is no fault: changes: sums strict -0.0312")
    assert judge(WELL, repeats=[row | {"repeat": "again"}])[what].holds is False
    assert judge(WELL)[what].holds is None


def test_the_table_is_whole_and_short():
    failed = TrainedRun("qlora", "sft", True, "nf4", "default", failure=f"train/qlora_seed1: a | b {'x' * 500}")
    arms = [WELL, failed, WELL._replace(run="odd", losses=(2.0, None), rewards=(0.5, 1.25))]
    lines = render_check({"device": GPU, "torch": "9.9"}, arms, list_checks(arms, GPU, [])).splitlines()
    assert lines[0] == "device Made-up GPU, torch 9.9"
    assert lines[4] == "| lora | sft | bfloat16 | as computed | default | 0.050 | 2.0\u202fGB | 2 → 1 |  | ok |"
    assert lines[5].startswith("| qlora | sft |  | nf4 | default |  |  |  |  | failed: train/qlora_seed1: a \\| b xxx")
    assert lines[6].endswith("| 2 → not finite | 0.5 → 1.25 | ok |")
    assert max(map(len, lines)) < 300
    assert "- all trainings and evaluations ended well: FAILED (not qlora)" in lines
    assert "- evaluated again with the same result: not looked at (needs a finished study)" in lines


def test_without_a_gpu_it_stops_with_a_sentence(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: pytest.fail("nothing may be started"))
    with pytest.raises(UserError, match="PyTorch sees no GPU here"):
        gpu_check.main([], jobs=1)
    with pytest.raises(UserError, match=r"JOBS: at least one job must run at a time \(got 0\)"):
        gpu_check.main([], jobs=0)


def test_on_a_gpu_it_says_which_with_its_driver_and_versions(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: GPU)
    monkeypatch.setattr(gpu_report, "find_driver", lambda: "580.1")
    found = describe_gpu()
    assert (found["device"], found["driver"]) == (GPU, "580.1")
    assert found["torch"][0].isdigit()
    assert gpu_report.find_version("no-such-package-here") == "not installed"


def test_a_driver_that_does_not_tell_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_report.find_driver() == "unknown"


@pytest.mark.parametrize(("code", "vllm"), [(0, "not installed"), (1, "0.31")])
def test_it_goes_on_to_the_table_whatever_failed_and_its_exit_code_tells(monkeypatch, capsys, code, vllm):
    commands = []

    def run(command):
        commands.append(command)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(gpu_check, "describe_gpu", lambda: {"device": GPU, "vllm": vllm})
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(gpu_check, "read_runs", lambda config: [WELL])
    write_file(f"{RESULTS}/results.json", json.dumps({"repeats": []}))
    assert gpu_check.main([], jobs=2) == code
    assert "| lora | sft |" in capsys.readouterr().out
    (command,) = commands
    assert "--keep-going" in command and "gpu=2" in command
    assert ("--config" in command) == (vllm != "not installed")
    assert command[-2:] == ["--configfile", "config/gpu_check.yaml"]
