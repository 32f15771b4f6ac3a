"""Files of the user are read as they are written, and what is wrong with them is said in words."""

from pathlib import Path

import pytest

from tunelab.errors import UserError
from tunelab.sources.chatterbot import read_conversations
from tunelab.sources.readers import read_rows

ROWS = [{"question": "二加二?", "answer": "vier"}, {"question": "a, b", "answer": "7"}]
FILES = {
    "rows.json": '[{"question": "二加二?", "answer": "vier"}, {"question": "a, b", "answer": "7"}]',
    "rows.jsonl": '{"question": "二加二?", "answer": "vier"}\n\n{"question": "a, b", "answer": "7"}\n',
    "rows.csv": 'question,answer\n二加二?,vier\n"a, b",7\n',
}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", FILES)
def test_text_formats_give_the_same_rows_with_and_without_byte_order_mark(tmp_path, name, mark):
    assert read_rows(write(tmp_path, name, mark + FILES[name]), "key") == ROWS


def test_windows_line_ends_are_read(tmp_path):
    for name, content in FILES.items():
        assert read_rows(write(tmp_path, name, content.replace("\n", "\r\n")), "key") == ROWS


def test_a_csv_cell_may_hold_a_line_break(tmp_path):
    file = write(tmp_path, "rows.csv", 'question,answer\nq,"one\ntwo"\n')
    assert read_rows(file, "key") == [{"question": "q", "answer": "one\ntwo"}]


def test_a_unicode_line_separator_ends_no_row(tmp_path):
    for name, content in (("rows.jsonl", '{"question": "a\u2028b"}\n'), ("rows.csv", "question\na\u2028b\n")):
        assert read_rows(write(tmp_path, name, content), "key") == [{"question": "a\u2028b"}]


def test_parquet_is_read(tmp_path):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.parquet", "key") == ROWS


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.json", '[{"a": 1},\n {"a": }]', r"x\.json: no valid JSON at line 2, column 8"),
        ("x.json", '{"a": 1}\n{"a": 2}\n', r"It looks like JSON Lines: name it \.jsonl"),
        ("x.json", '{"a": 1}', r"must hold an array of objects, not an object"),
        ("x.json", '[{"a": 1}, "b"]', r"row 2 must be an object with named fields, not a string"),
        ("x.json", "[]", r"has no rows"),
        ("x.jsonl", '{"a": 1}\n{"a": 2\n', r"x\.jsonl: line 2 is no valid JSON"),
        ("x.jsonl", '{"a": 1}\n\n[2]\n', r"line 3 must be an object with named fields, not an array"),
        ("x.jsonl", "", r"has no rows"),
        ("x.jsonl", "\n\n", r"has no rows"),
        ("x.jsonl", b'{"a": "x"}\n{"a": "\xe9"}\n', r"line 2 is not UTF-8 \(byte 0xe9\); save the file as UTF-8"),
        ("x.csv", "a,b\n1,2\n1,2,3\n", r"the row ending at line 3 has 3 cells and the header 2 \(a, b\)"),
        ("x.csv", 'a,b\n1,"2\n', r"is no valid CSV"),
        ("x.csv", "a,b\n", r"has no rows"),
        ("x.csv", "a,b,a\n1,2,3\n", r"x\.csv: the header names 'a' more than once"),
        ("x.parquet", "no parquet", r"this is no Parquet file"),
        ("x.xlsx", "x", r"unknown ending; known are \.csv, \.json, \.jsonl, \.parquet"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence_with_its_place(tmp_path, name, content, sentence):
    with pytest.raises(UserError, match=sentence):
        read_rows(write(tmp_path, name, content), "datasets.mine.fetch.files")


def test_a_missing_file_and_a_folder_are_refused_with_the_config_key(tmp_path):
    with pytest.raises(UserError, match=r"datasets\.mine\.fetch\.files: there is no file"):
        read_rows(tmp_path / "rows.json", "datasets.mine.fetch.files")
    (tmp_path / "rows.json").mkdir()
    with pytest.raises(UserError, match=r"datasets\.mine\.fetch\.files: .* is a folder"):
        read_rows(tmp_path / "rows.json", "datasets.mine.fetch.files")


def test_chatterbot_rows_are_the_first_two_turns_in_their_own_words(tmp_path):
    content = "conversations:\n- - When?\n  - 1963\n- - Sure?\n  - yes\n  - Are you?\n- 'lone - string'\n- - half\n"
    rows, skipped = read_conversations(write(tmp_path, "x.yml", content))
    assert rows == [{"question": "When?", "answer": "1963"}, {"question": "Sure?", "answer": "yes"}]
    assert skipped == [
        {"file": "x.yml", "entry": 3, "content": "lone - string"},
        {"file": "x.yml", "entry": 4, "content": "['half']"},
    ]


def test_yaml_without_conversations_or_malformed_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"x\.yml: a ChatterBot file needs a list named 'conversations'"):
        read_conversations(write(tmp_path, "x.yml", "categories:\n- a\n"))
    with pytest.raises(UserError, match=r"x\.yml: this is no YAML that can be read"):
        read_conversations(write(tmp_path, "x.yml", "a: [\n"))
