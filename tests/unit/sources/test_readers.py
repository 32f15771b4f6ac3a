"""Files of the user are read as they are written, and what is wrong with them is said in words."""

import bz2
import datetime
import decimal
import gzip
import io
import lzma
import uuid
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tunelab.errors import UserError
from tunelab.sources.columns import build_table
from tunelab.sources.pypi_table import read_conversations
from tunelab.sources.readers import read_rows

ROWS = [{"question": "二加二?", "answer": "vier"}, {"question": "a, b", "answer": "7"}]
FILES = {
    "rows.json": '[{"question": "二加二?", "answer": "vier"}, {"question": "a, b", "answer": "7"}]',
    "rows.jsonl": '{"question": "二加二?", "answer": "vier"}\n\n{"question": "a, b", "answer": "7"}\n',
    "rows.csv": 'question,answer\n二加二?,vier\n"a, b",7\n',
}


def read(file: Path) -> list[dict]:
    return [row for _, row in read_rows(file, "key")]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", FILES)
def test_text_formats_give_the_same_rows_with_and_without_byte_order_mark(tmp_path, name, mark):
    assert read(write(tmp_path, name, mark + FILES[name])) == ROWS


def test_windows_line_ends_are_read(tmp_path):
    for name, content in FILES.items():
        assert read(write(tmp_path, name, content.replace("\n", "\r\n"))) == ROWS


def test_a_csv_cell_may_hold_a_line_break(tmp_path):
    file = write(tmp_path, "rows.csv", 'question,answer\nq,"one\ntwo"\n')
    assert read(file) == [{"question": "q", "answer": "one\ntwo"}]


def test_a_unicode_line_separator_ends_no_row(tmp_path):
    for name, content in (("rows.jsonl", '{"question": "a\u2028b"}\n'), ("rows.csv", "question\na\u2028b\n")):
        assert read(write(tmp_path, name, content)) == [{"question": "a\u2028b"}]


def test_parquet_is_read(tmp_path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    assert read(tmp_path / "rows.parquet") == ROWS


PACKERS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pyarrow.compress(content, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("ending", PACKERS)
def test_compressed_files_of_every_format_are_read(tmp_path, ending):
    table = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), table)
    for name, content in (FILES | {"ROWS.PARQUET": table.getvalue()}).items():
        plain = content if isinstance(content, bytes) else content.encode()
        assert read(write(tmp_path, name + ending, PACKERS[ending](plain))) == ROWS


@pytest.mark.parametrize("ending", PACKERS)
def test_parts_packed_one_after_the_other_are_one_file(tmp_path, ending):
    parts = [PACKERS[ending](f'{{"question": "{part}"}}\n'.encode()) for part in "ab"]
    assert read(write(tmp_path, f"rows.jsonl{ending}", b"".join(parts))) == [{"question": "a"}, {"question": "b"}]


def test_parquet_of_types_that_json_has_not_is_read(tmp_path):
    moment = datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC)
    columns = {
        "turns": pyarrow.array([[{"role": "user", "content": "a"}]]),
        "said": pyarrow.array(["b"]).dictionary_encode(),
        "seen": pyarrow.array([moment], pyarrow.timestamp("ns", "UTC")),
        "price": pyarrow.array([decimal.Decimal("0.50")]),
        "photo": pyarrow.array([b"\x89"]),
        "tags": pyarrow.array(
            [[("kind", [("deep", 1)])]], pyarrow.map_(pyarrow.string(), pyarrow.map_("string", "int8"))
        ),
        "key": pyarrow.array([uuid.UUID(int=7).bytes], pyarrow.uuid()),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet")
    rows = build_table(read_rows(tmp_path / "rows.parquet", "key")).to_list()
    assert rows == [
        {
            "turns": [{"role": "user", "content": "a"}],
            "said": "b",
            "seen": moment,
            "price": decimal.Decimal("0.50"),
            "photo": b"\x89",
            "tags": [{"key": "kind", "value": [{"key": "deep", "value": 1}]}],
            "key": str(uuid.UUID(int=7)),
        }
    ]


def test_an_unsigned_number_beyond_the_signed_ones_is_called_that(tmp_path):
    for number, fits in ((2**63 - 1, True), (2**63, False), (2**64 - 1, False)):
        table = pyarrow.table({"hash": pyarrow.array([number], pyarrow.uint64())})
        pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
        placed = read_rows(tmp_path / "rows.parquet", "key", "rows.parquet")
        if fits:
            assert build_table(placed).to_list() == [{"hash": number}]
        else:
            with pytest.raises(UserError) as refusal:
                build_table(placed)
            assert str(refusal.value) == (
                f"rows.parquet, row 1, field 'hash': the number {number} is beyond the 64 bits of a signed number. "
                "Write it as text, or leave the field out."
            )


def test_a_csv_of_windows_keeps_its_cells_to_the_byte(tmp_path):
    content = '\ufeffquestion,answer,\r\n"What is\r\na ""kettle""?",A tool; this.,\r\n'
    assert read(write(tmp_path, "rows.csv", content)) == [
        {"question": 'What is\r\na "kettle"?', "answer": "A tool; this.", "": ""}
    ]


def test_rows_are_counted_in_their_own_file_and_lines_told_where_they_differ(tmp_path):
    contents = {"a.csv": 'q\n"a\nb"\n\nc\n', "a.jsonl": '{"q": 1}\n\n{"q": 2}\n', "a.json": '[{"q": 1}, {"q": 2}]'}
    places = {
        name: [str(place) for place, _ in read_rows(write(tmp_path, name, content), "key", name)]
        for name, content in contents.items()
    }
    assert places == {
        "a.csv": ["a.csv, row 1 (line 2)", "a.csv, row 2 (line 5)"],
        "a.jsonl": ["a.jsonl, row 1", "a.jsonl, row 2 (line 3)"],
        "a.json": ["a.json, row 1", "a.json, row 2"],
    }


def test_chatterbot_rows_are_the_first_two_turns_in_their_own_words(tmp_path):
    content = (
        "conversations:\n- - When?\n  - 1963\n- half\n- - Sure?\n  - yes\n  - Are you?\n- 'lone - string'\n- - half\n"
    )
    placed, skipped = read_conversations(write(tmp_path, "x.yml", content), "talks/x.yml")
    assert placed == [
        (("talks/x.yml", 1, None), {"question": "When?", "answer": "1963"}),
        (("talks/x.yml", 2, None), {"question": "Sure?", "answer": "yes"}),
    ]
    assert skipped == [
        {"file": "x.yml", "entry": 2, "content": "half"},
        {"file": "x.yml", "entry": 4, "content": "lone - string"},
        {"file": "x.yml", "entry": 5, "content": "['half']"},
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("categories:\n- a\n", "x.yml: a ChatterBot file needs a list named 'conversations' at the top."),
        ("conversations:\n- a\n", "x.yml: no conversation has two turns, a question and its answer."),
        (
            "a:\n- [\n",
            "x.yml, line 3: this is no YAML that can be read (expected the node content, but found '<stream end>').",
        ),
        ("a: \x07\n", "x.yml: this is no YAML that can be read (special characters are not allowed)."),
        ("a: " + "[" * 10_000, "x.yml: this is no YAML that can be read (nested too deeply)."),
        (b"a: \xe9\n", "x.yml: line 1 is not UTF-8 (byte 0xe9 in b'a: \\xe9'); save the file as UTF-8."),
    ],
)
def test_yaml_without_conversations_or_malformed_is_refused(tmp_path, content, sentence):
    with pytest.raises(UserError) as refusal:
        read_conversations(write(tmp_path, "y.yml", content), "x.yml")
    assert str(refusal.value) == sentence
