"""Errors that the first jobs would raise about local files are reported before anything is planned."""

import json
from pathlib import Path

import pytest

from tests.unit.config.default_config import load
from tunelab.errors import UserError
from tunelab.records import write_json
from tunelab.upkeep import early_checks
from tunelab.upkeep.early_checks import check_inputs

ROWS = [{"question": f"How are you, {number}?", "answer": "Well."} for number in range(120)]
FETCH = {"source": "local", "files": ["rows.jsonl"]}
FORMAT = {"format": "question_answer"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with rows, a text and whatever a test adds."""
    monkeypatch.chdir(tmp_path)
    write_rows("rows.jsonl", ROWS)
    Path("text.txt").write_text("One.\n\nTwo.\n", encoding="utf-8")
    return tmp_path


def write_rows(name, rows):
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def look(fetch=None, prepare=None, gpus=0, **others):
    """Check the default study with another data set; return the lines of the error."""
    datasets = {"mine": {"fetch": FETCH | (fetch or {}), "prepare": FORMAT | (prepare or {})}}
    overlay = {"datasets": datasets, "drift": {"texts": ["text.txt"]}, "tasks": {"support": {"dataset": "mine"}}}
    config = load({**overlay, **others})
    try:
        check_inputs(config, config.study.runs, gpus)
    except UserError as error:
        return str(error).split("\n")
    return []


def test_what_is_right_is_passed_over():
    assert look() == []


@pytest.mark.parametrize(
    ("fetch", "prepare", "said"),
    [
        ({"files": ["gone.jsonl"]}, {}, "datasets.mine.fetch.files: 'gone.jsonl' does not exist (looked for in "),
        ({"test_files": ["gone.csv"]}, {}, "datasets.mine.fetch.test_files: 'gone.csv' does not exist"),
        ({"files": ["text.pdf"]}, {}, "datasets.mine.fetch.files: 'text.pdf' has an unknown ending"),
        (
            {"files": ["text.txt"]},
            {},
            "text.txt: there is no column 'question', from which the field 'question' is read",
        ),
        ({"files": ["empty"]}, {}, "datasets.mine.fetch.files: the folder 'empty' holds no files with rows"),
        ({}, {"columns": {"answer": "reply"}}, "rows.jsonl: there is no column 'reply', from which the field 'answer'"),
        ({}, {"format": "gsm8k"}, "rows.jsonl, row 1, field 'answer': expected"),
        ({}, {"keep": ["topic"]}, "rows.jsonl: there is no column 'topic' to keep"),
        ({}, {"test": 500}, "datasets.mine.prepare: no rows remain for train and validation. Rows: 120"),
        ({"files": ["bad.jsonl"]}, {}, "bad.jsonl, row 3, field 'answer': expected text that is not blank, found"),
        ({"files": ["rows.jsonl", "bad.jsonl"]}, {}, "bad.jsonl, row 3, field 'answer': expected text"),
    ],
)
def test_files_of_the_users_are_read_as_the_jobs_will(fetch, prepare, said):
    Path("empty").mkdir()
    Path("text.pdf").touch()
    write_rows("bad.jsonl", [*ROWS[:2], {"question": "And you?"}])
    (line,) = look(fetch, prepare)
    assert line.startswith(said)


def test_of_large_files_only_their_names_and_beginnings_are_looked_at(monkeypatch):
    monkeypatch.setattr(early_checks, "MOST_BYTES", 1000)
    assert look({}, {"test": 500}) == []
    Path("rows.jsonl").write_bytes(b"\x1f\x8b" * 1000)
    assert look()[0].startswith("datasets.mine.fetch.files: 'rows.jsonl' is compressed")


def test_of_fetched_rows_the_card_tells_numbers_and_columns():
    fetch = {"source": "hub", "repo_id": "org/rows"}
    hub = {"fetch": fetch, "prepare": {"format": "question_answer", "test": 30}}
    assert look(datasets={"mine": hub}) == [], "nothing is known before it is fetched"
    source = load({"datasets": {"mine": hub}}).datasets["mine"].fetch.model_dump(mode="json")
    card = {"dataset": "mine", "source": source, "columns": ["question", "answer"], "rows": {"train": 30, "test": None}}
    write_json(Path("results/datasets/mine/card.json"), card)
    assert look(datasets={"mine": hub})[0].startswith(
        "datasets.mine.prepare.test: 30 rows are to be held out, and there"
    )
    other = {"fetch": fetch, "prepare": {"format": "question_answer", "columns": {"answer": "reply"}}}
    assert "there is no column 'reply'" in look(datasets={"mine": other})[0]
    elsewhere = {"fetch": fetch | {"subset": "b"}, "prepare": hub["prepare"]}
    assert look(datasets={"mine": elsewhere}) == [], "another part of it is not fetched yet"


def test_models_templates_and_texts_are_looked_for():
    Path("model").mkdir()
    local = {"source": "local", "path": "model"}
    for model, said in (
        (local | {"path": "gone"}, "models.smollm2.path: 'gone' does not exist; give the folder"),
        (local, "models.smollm2.path: 'model' has no config.json"),
    ):
        config = load({"models": {"tiny": model}, "drift": None, "runs": {"base": {"model": "tiny"}}})
        with pytest.raises(UserError) as told:
            check_inputs(config, ["base"], 0)
        assert str(told.value).startswith(said.replace("smollm2", "tiny"))
    assert look(models={"smollm2": {"chat_template": "mine.jinja"}})[0].startswith(
        "models.smollm2.chat_template: there is no file 'mine.jinja'"
    )
    assert look(drift={"texts": ["gone.txt"]}) == ["drift.texts: gone.txt is not there; name a text file."]


def test_half_precision_is_refused_where_no_gpu_is_used_and_nothing_was_decided():
    study, run = {"study": {"precision": "float16"}}, {"runs": {"lora": {"precision": "float16"}}}
    for asked, key in ((study, "study.precision"), (run, "runs.lora.precision")):
        (line,) = look(**asked)
        assert line.startswith(f"{key}: float16 is asked for, and no GPU is used here")
        assert look(**asked, gpus=1) == []
    write_json(Path("results/models/smollm2/precision.json"), {})
    assert look(**study) == [], "it was decided, maybe on another machine"
    write_json(Path("results/runs/lora/seed1/training.json"), {})
    assert look(**run) == []


def test_several_problems_are_told_at_once():
    lines = look({"files": ["gone.jsonl"]}, drift={"texts": ["gone.txt"]}, study={"precision": "float16"})
    assert [line.partition(":")[0] for line in lines] == ["datasets.mine.fetch.files", "drift.texts", "study.precision"]
