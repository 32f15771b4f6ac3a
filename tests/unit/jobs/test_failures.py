import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from tunelab.jobs.failures import BATCHES, describe_failures, explain_failure, find_reason, note_reason, offer_partial

RULES = Path(__file__).parents[3] / "rules"
TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 3, in main\nValueError: no such thing\n'


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("loading\nError: runs.lora: the loss became NaN; lower it.\n", "runs.lora: the loss became NaN; lower it."),
        (TRACEBACK + "Error: The disk is full. Free some space.\n", "The disk is full. Free some space."),
        (f"loading\n{TRACEBACK}\n", "ValueError: no such thing"),
        ("step 1 of 2\n", "it was stopped without a word"),
        ("", "it was stopped without a word"),
        (None, "it has no log: it was stopped before it began, or a cluster did not take it"),
    ],
)
def test_the_reason_of_a_failed_job_is_the_line_of_its_log_that_says_most(tmp_path, log, reason):
    file = tmp_path / "job.log"
    if log is not None:
        file.write_text(log, encoding="utf-8")
    assert find_reason(file).startswith(reason)
    assert "\n" not in find_reason(file)


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (None, "the cluster said: no such GPU"),
        ("step 1 of 2\n", "the cluster said: no such GPU"),
        ("Error: row 3 is empty.\n", "row 3 is empty."),
        (TRACEBACK, "ValueError: no such thing"),
    ],
)
def test_what_a_cluster_says_is_the_reason_of_a_job_that_says_none(tmp_path, log, reason):
    file = tmp_path / "logs/job.log"
    if log is not None:
        file.parent.mkdir()
        file.write_text(log, encoding="utf-8")
    note_reason(file, "the cluster said:\n   no such GPU\n")
    assert find_reason(file) == reason
    note_reason(tmp_path / "other.log", None)
    assert not (tmp_path / "other.log").exists()


@pytest.mark.parametrize("error", [ValueError("broken"), OSError(2, "No such file"), RuntimeError("shapes differ")])
def test_what_is_neither_the_users_nor_the_machines_fault_is_not_explained(error):
    assert explain_failure(error) is None


@pytest.mark.parametrize("rule", ["generate_answers", "measure_loss", "generate_samples", "mine_measure_loss"])
def test_a_stage_without_memory_names_the_key_of_its_batches(rule):
    sentence = explain_failure(MemoryError("too much"), rule=rule, wildcards={"run": "lora", "task": "sums"})
    field = {"generate_answers": "generation.batch_size", "generate_samples": "sampling.batch_size"}
    assert (
        sentence == f"Out of memory. Lower tasks.sums.{field.get(rule, 'loss_batch_size')}. The library said: too much"
    )


def test_a_file_of_another_user_is_explained():
    error = PermissionError(errno.EACCES, "Permission denied", "results/models/a/card.json")
    assert explain_failure(error).startswith(
        "results/models/a/card.json may not be read or written (Permission denied). If"
    )


def test_every_stage_with_batches_of_its_own_has_a_rule_of_that_name():
    rules = "".join(file.read_text(encoding="utf-8") for file in RULES.glob("*.smk"))
    assert [name for name in BATCHES if f"rule {name}:" not in rules and f" as {name} with:" not in rules] == []


def test_a_writer_that_fails_without_a_reason_on_a_full_disk_is_explained(tmp_path, monkeypatch):
    free = {tmp_path: 4096, tmp_path.parent: 2**30}
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free.get(path, 2**30)))
    error = RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")
    sentence = explain_failure(error, [tmp_path / "not there", tmp_path.parent, tmp_path])
    assert sentence.startswith("The disk is full.") and "file write failed" in sentence
    assert explain_failure(error, [tmp_path.parent]) is None
    assert explain_failure(ValueError("broken"), [tmp_path]) is None


def test_of_two_disks_the_full_one_is_named(tmp_path, monkeypatch):
    error = OSError(errno.ENOSPC, "No space left on device")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr("shutil.disk_usage", lambda at: SimpleNamespace(free=0 if at.name == "temporary" else 2**40))
    sentence = explain_failure(error)
    assert sentence.startswith(f"The disk of {tmp_path / 'temporary'} is full. Free some space, or set TMPDIR")
    monkeypatch.setattr("shutil.disk_usage", lambda at: SimpleNamespace(free=0))
    assert explain_failure(error).startswith("The disk is full. Free some space (`make clean-stale`")


def test_a_long_reason_is_cut(tmp_path):
    assert len(explain_failure(MemoryError("x" * 5000))) < 600
    (tmp_path / "a.log").write_text(f"Traceback\nValueError: {'x' * 5000}\n", encoding="utf-8")
    assert find_reason(tmp_path / "a.log").startswith("ValueError: xx")
    assert len(find_reason(tmp_path / "a.log")) <= 200


def test_failed_jobs_are_named_with_reason_and_log(tmp_path):
    (tmp_path / "a.log").write_text("Error: The disk is full.\n", encoding="utf-8")
    (tmp_path / "b.log").write_text(TRACEBACK, encoding="utf-8")
    one = describe_failures({"train_sft lora 1": tmp_path / "a.log"}).splitlines()
    assert one[:3] == ["1 job failed:", "  train_sft lora 1: The disk is full.", f"    log: {tmp_path / 'a.log'}"]
    assert one[3].startswith("What does not depend on this is finished;") and len(one) == 4
    command = offer_partial([])
    assert describe_failures({"a": tmp_path / "a.log"}, command).splitlines()[-1] == (
        "`make report PARTIAL=1` makes the page of what is there."
    )
    two = describe_failures({"z": tmp_path / "a.log", "b": tmp_path / "b.log"}).splitlines()
    assert (two[0], two[1], two[3]) == ("2 jobs failed:", "  b: ValueError: no such thing", "  z: The disk is full.")


def test_the_offer_names_the_overlays_as_make_takes_them():
    assert offer_partial(["config/blog.yaml"]) == "make report PARTIAL=1 CONFIG=config/blog.yaml"
    assert offer_partial(["my own.yaml"]) == r"make report PARTIAL=1 CONFIG='my\ own.yaml'"
    assert offer_partial(["config/a.yaml", "b.yaml"]) == "make report PARTIAL=1 CONFIG='config/a.yaml b.yaml'"
