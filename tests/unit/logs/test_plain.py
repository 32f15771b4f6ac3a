"""Rows of one's own: an id, and columns of numbers."""

import json

import pytest
from logs.log_files import save

from tunelab.errors import UserError
from tunelab.logs.reading import read_logs


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_of_json_have_their_numbers_as_metrics(tmp_path):
    rows = [
        {"id": 7, "score": 0.5, "correct": True, "question": "Why?", "gold": "So.", "response": "Thus.", "note": "x"},
        {"id": 8, "score": None, "correct": False, "question": "How?", "gold": "So.", "response": 5, "note": 3},
    ]
    (log,) = read_logs(save(tmp_path / "mine.jsonl", rows))
    assert (log.tool, log.task, log.positional) == ("JSON Lines", "", False)
    assert [item.scores for item in log.items] == [{"score": 0.5, "correct": 1.0}, {"score": None, "correct": 0.0}]
    first, second = log.items
    assert (first.key, first.question, first.reference, first.answer) == ("7", "Why?", "So.", "Thus.")
    assert second.answer == "5"
    array = write(tmp_path / "mine.json", json.dumps(rows, indent=1))
    assert read_logs(array)[0].items == log.items


@pytest.mark.parametrize("comma", [",", ";", "\t"])
def test_a_table_is_read_with_any_usual_separator(tmp_path, comma):
    lines = [",id,correct,exact_match,answer,note", "0,a,true,0.25,5,low", '1,b,False,,"6\n7",3', ""]
    path = write(tmp_path / "mine.csv", "\n".join(lines).replace(",", comma))
    (log,) = read_logs(path)
    assert log.tool == "CSV"
    assert [item.scores for item in log.items] == [
        {"correct": 1.0, "exact_match": 0.25},
        {"correct": 0.0, "exact_match": None},
    ]
    assert [item.answer for item in log.items] == ["5", "6\n7"]


def test_long_answers_fit_into_a_table(tmp_path):
    path = write(tmp_path / "mine.csv", f"id,score,answer\n1,1,{'so ' * 100_000}\n")
    assert len(read_logs(path)[0].items[0].answer) == 299_999


def test_tasks_are_apart_and_answers_numbered(tmp_path):
    rows = [
        {"id": 1, "task": t, "repeat": r, "score": 1, "wer": 2, "no_answer": 0}
        for t in ("sums", "legs")
        for r in (0, 1)
    ]
    sums, legs = read_logs(save(tmp_path / "mine.jsonl", rows))
    assert (sums.task, legs.task) == ("sums", "legs") and [item.repeat for item in sums.items] == [0, 1]
    assert sums.lower == {"wer", "no_answer"} and list(sums.items[0].scores) == ["score", "wer", "no_answer"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"id": 1, "score": 1}\n{"id": 2, "score": 0}\n{"id": 1, "score": 0}\n',
            "line 3 has the id '1', as line 1 has",
        ),
        ('{"id": 1, "score": 1}\n{"score": 0}\n', "line 2 has the columns 'score', and none tells which item it is"),
        ('{"id": 1, "score": 1}\n{"id": "", "score": 0}\n', "line 2 has an empty id"),
        ('{"id": 1, "score": 1, "repeat": "second"}\n', "line 1: repeat is 'second'"),
        ('{"id": 1, "score": 1}\n[2, 0]\n', "line 2 is an array"),
        ('{"id": 1, "score": 1}\n{"id": 2, "sco', r"line 2: no valid JSON, it ends in the middle of a value"),
        ('{"id": 1, "score": "high"}\n', "no metric is a number in every item (score holds 'high')"),
        ('{"id": 1, "score": null}\n', "(score holds None)"),
        ("id,score\n1,0.5\n2,N/A\n", "(score holds 'N/A')"),
        ('{"id": 1}\n', "its items have no points"),
        ("id,score\n1,1\n1,0\n", "row 3 has the id '1', as row 2 has"),
        ("id,score\n1,1,0\n", "row 2 has 3 cells, and the first row names 2 columns"),
        ("id,id,score\n1,2,1\n", "names a column twice"),
        ("name,score\na,1\n", "row 2 has the columns 'name', 'score', and none tells"),
        ('id,score\n"1,1\n', "Save the table as CSV again"),
        ("id,score\n", "has no rows"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, text, said):
    path = write(tmp_path / "mine.txt", text)
    with pytest.raises(UserError) as caught:
        read_logs(path)
    assert str(path) in str(caught.value) and said in str(caught.value)
