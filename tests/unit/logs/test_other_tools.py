"""Logs of EvalScope, lighteval, OpenCompass and every-eval-ever, told by their content."""

import json
import shutil
import sys

import pyarrow
import pyarrow.parquet
import pytest
from logs.log_files import FIXTURES, load, save

from tunelab.errors import UserError
from tunelab.logs.reading import read_logs

REVIEWS = FIXTURES / "evalscope/reviews/tiny/legs_default.jsonl"
LEGS = FIXTURES / "opencompass/results/tiny/legs.json"
TWICE = FIXTURES / "opencompass/results/tiny/legs_twice.json"


def test_answers_of_evalscope_are_sorted_and_numbered_within_their_item():
    (log,) = read_logs(REVIEWS)
    assert (log.tool, log.task, log.positional) == ("EvalScope", "legs_default", False)
    assert log.settings == {"repeats": "2", "model": "tiny"}
    assert [item.repeat for item in log.items] == [0, 1] * 3
    assert [item.key for item in log.items[::2]] == [item.key for item in log.items[1::2]]
    assert [item.scores["acc"] for item in log.items] == [1, 0, 0, 1, 1, None]
    assert [item.scores["pass"] for item in log.items] == [1, 0, 0, 1, 1, None]
    assert log.items[0].question == "How many legs has a spider?" and log.items[0].answer == "It has 8."


def test_without_questions_the_keys_of_evalscope_are_positions(tmp_path):
    rows = [{name: value for name, value in row.items() if name != "input"} for row in load(REVIEWS)]
    (log,) = read_logs(save(tmp_path / "reviews.jsonl", rows))
    assert log.positional and [item.key for item in log.items] == ["0", "0", "1", "1", "2", "2"]


def test_items_of_opencompass_have_their_prompts_as_keys():
    (log,) = read_logs(LEGS)
    assert (log.tool, log.task, log.positional) == ("OpenCompass", "legs", False)
    assert [item.scores for item in log.items] == [{"correct": 1.0}, {"correct": 0.0}, {"correct": 1.0}]
    assert log.items[1].question == "Question: How many legs has a cat?\nAnswer:"
    assert log.items[1].answer == "It has 5 legs." and log.items[1].reference == "4"


def test_answers_to_the_same_item_take_their_questions_from_the_predictions(tmp_path):
    (once,), (twice,) = read_logs(LEGS), read_logs(TWICE)
    assert [item.key for item in twice.items[::2]] == [item.key for item in once.items]
    assert [(item.scores["correct"], item.repeat) for item in twice.items] == [
        (right, repeat) for last in (False, False, True) for repeat, right in enumerate((True, last))
    ]
    alone = shutil.copy(TWICE, tmp_path / "legs.json")
    (log,) = read_logs(alone)
    assert log.positional and [item.key for item in log.items] == ["0", "0", "1", "1", "2", "2"]


def test_rows_of_every_eval_ever_with_one_id_are_answers_to_one_row():
    (log,) = read_logs(FIXTURES / "every_eval/legs_samples.jsonl")
    assert (log.tool, log.task) == ("every-eval-ever", "legs") and log.settings["model"] == "org/tiny"
    assert [(item.scores["score"], item.repeat) for item in log.items] == [(1, 0), (0, 0), (1, 0), (0, 1)]
    assert log.items[0].key == log.items[3].key and log.items[0].reference == "8"


DETAILS = [
    {
        "doc": {
            "query": f"Q: {question}",
            "choices": [gold],
            "gold_index": 0,
            "id": str(place),
            "num_asked_few_shots": 5,
        },
        "metric": {"extractive_match": right, "perplexity": 2.5},
        "model_response": {"input": f"5 shots, Q: {question}", "text": ["It is so."], "output_tokens": [[1, 2]]},
    }
    for place, (question, gold, right) in enumerate([("a?", "b", 1.0), ("c?", "d", float("nan"))])
]


@pytest.fixture
def details(tmp_path):
    """Write lighteval's table, in a folder whose name would be a pattern."""

    def write(rows, name="details_gsm8k|5_2026-10-01T10-00-00.123456.parquet"):
        path = tmp_path / "details" / "org" / "tiny[1]*" / "2026-10-01T10-00-00.123456" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        return path

    return write


def test_a_table_of_lighteval_is_read(details):
    (log,) = read_logs(details(DETAILS))
    assert (log.tool, log.task, log.lower) == ("lighteval", "gsm8k", {"perplexity"})
    assert log.settings["shots"] == "5" and log.settings["model"] == "org/tiny[1]*"
    assert [item.scores["extractive_match"] for item in log.items] == [1.0, None]
    first, second = log.items
    assert (first.question, first.reference, first.answer) == ("Q: a?", "b", "It is so.") and first.key != second.key


def test_objects_that_lighteval_wrote_as_text_are_read_back(details):
    (log,) = read_logs(details(DETAILS))
    texts = [{name: str(value) for name, value in row.items()} for row in DETAILS[:1]]
    (same,) = read_logs(details(texts, "mine.parquet"))
    assert same.task == "" and same.items == log.items[:1]


def test_objects_that_no_program_can_read_back_are_told_with_their_row(details):
    texts = [{name: str(value) for name, value in row.items()} for row in DETAILS[:1]]
    path = details([*texts, texts[0] | {"metric": "{'acc': np.float64(1.0)}"}])
    with pytest.raises(UserError, match=r"row 2: lighteval wrote what no program can read back"):
        read_logs(path)


def test_a_table_that_is_not_lightevals_or_is_cut_is_told(details, tmp_path):
    path = details([{"id": 1, "score": 0.5}])
    with pytest.raises(
        UserError, match=r"has the columns 'id', 'score', and details of lighteval have 'doc', 'metric'"
    ):
        read_logs(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="is no whole Parquet file"):
        read_logs(path)


def test_a_missing_package_is_named(details, monkeypatch):
    path = details(DETAILS)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(UserError, match="pip install fastparquet"):
        read_logs(path)


def test_names_do_not_matter(tmp_path):
    for place, path in enumerate((REVIEWS, LEGS, FIXTURES / "inspect/sums.eval")):
        (log,) = read_logs(shutil.copy(path, tmp_path / f"file_{place}.txt"))
        assert log.tool == ("EvalScope", "OpenCompass", "Inspect")[place]


def test_a_document_may_be_on_one_line(tmp_path):
    path = tmp_path / "legs.json"
    path.write_text(json.dumps(json.loads(LEGS.read_text(encoding="utf-8"))), encoding="utf-8")
    assert read_logs(path)[0].items == read_logs(LEGS)[0].items
