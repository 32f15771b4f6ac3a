"""Reports of jobs are read from logs that grow."""

import pytest

from tunelab.watching.running import ProgressReader

TITLE = "train_sft lora 1"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "job.log"


def append(log, text):
    with open(log, "ab") as file:
        file.write(text.encode() if isinstance(text, str) else text)


def test_a_report_is_read_once_and_what_else_the_log_holds_never(log):
    reader = ProgressReader(log, TITLE)
    assert reader.read() == []
    append(log, f"loading\n[{TITLE}] step 1 of 2\n[other] step 9 of 9\n")
    assert reader.read() == ["step 1 of 2"]
    append(log, f"a warning\n[{TITLE}] step 2 of 2\n")
    assert reader.read() == ["step 2 of 2"]
    assert reader.read() == []


def test_half_a_line_is_left_until_the_rest_of_it_is_there(log):
    reader, line = ProgressReader(log, TITLE), f"[{TITLE}] Größe 1\n".encode()
    for byte in line[:-1]:
        append(log, bytes([byte]))
        assert reader.read() == []
    append(log, line[-1:])
    assert reader.read() == ["Größe 1"]


def test_the_log_of_an_earlier_run_is_passed_over(log):
    append(log, f"[{TITLE}] step 80 of 80\n")
    reader = ProgressReader(log, TITLE)
    assert reader.read() == []
    log.unlink()
    assert reader.read() == []
    append(log, f"[{TITLE}] step 1 of 2\n")
    assert reader.read() == ["step 1 of 2"]


def test_what_is_no_text_does_no_harm(log):
    reader = ProgressReader(log, TITLE)
    append(log, b"\xff\xfe\n" + f"[{TITLE}] ".encode() + b"\xff\n")
    assert reader.read() == ["�"]


def test_a_log_that_cannot_be_read_is_read_later(log):
    reader = ProgressReader(log, TITLE)
    log.mkdir()
    assert reader.read() == []
    log.rmdir()
    append(log, f"[{TITLE}] step 1 of 2\n")
    assert reader.read() == ["step 1 of 2"]
