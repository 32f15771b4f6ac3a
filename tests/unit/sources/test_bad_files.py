"""A file that is not what it should be is refused in a sentence with its name, place and remedy, and leaves nothing."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.unit.data.dataset_stages import GOOD, LONG, lines, parquet, refuse

FILES = "datasets.mine.fetch.files"
CELLS = 'A double quote in a cell is written twice ("").'
ENDINGS = ".csv, .json, .jsonl, .md, .parquet, .txt, and each with .gz, .bz2, .xz, .zst after it"
NO_ROWS = "has no rows. Name a file with rows."


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def build_archive() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("rows.jsonl"))
    return target.getvalue()


def build_doubled() -> bytes:
    target, column = io.BytesIO(), pyarrow.array(["a", "b"])
    table = pyarrow.Table.from_arrays([column] * 3, names=["question", "answer", "answer"])
    pyarrow.parquet.write_table(table, target)
    return target.getvalue()


SYNTAX = {
    "a JSON array cut off": (
        ("rows.json", json.dumps(GOOD)[:-30]),
        'rows.json, line 1, column 345: no valid JSON, it ends in the middle of a value (\'wer": "A8."}, {"quest\'). '
        "Was it copied or downloaded completely?",
    ),
    "a comma after the last row": (
        ("rows.json", '[{"question": "a", "answer": "b"},]'),
        'rows.json, line 1, column 35: no valid JSON at \'"answer": "b"},]\'. Remove the comma that no value follows.',
    ),
    "a value left out": (
        ("rows.json", '[{"question": "a"},\n {"question": }]'),
        "rows.json, line 2, column 15: no valid JSON at '\\n {\"question\": }]' (Expecting value). Mend it there.",
    ),
    "single quotes": (
        ("rows.jsonl", lines(*GOOD) + "{'question': 'a'}\n"),
        "rows.jsonl, line 11, column 2: no valid JSON at \"{'question': 'a'\". Put names and texts in double quotes.",
    ),
    "a line break inside a text": (
        ("rows.json", '[{"question": "a\nb"}]'),
        'rows.json, line 1, column 17: no valid JSON at \'{"question": "a\\nb"}]\'. Write line breaks and tabs inside '
        "a text as \\n and \\t.",
    ),
    "a line cut off": (
        ("rows.jsonl", lines(*GOOD)[:-6]),
        'rows.jsonl, line 10, column 31: no valid JSON, it ends in the middle of a value (\'9?", "answer": "\'). '
        "Was it copied or downloaded completely?",
    ),
    "a line of something else, after a blank one": (
        ("rows.jsonl", "\n" + lines(*GOOD) + "and so on\n"),
        "rows.jsonl, line 12, column 1: no valid JSON at 'and so on' (Expecting value). Mend it there.",
    ),
    "objects over several lines": (
        ("rows.jsonl", "".join(json.dumps(row, indent=1) + "\n" for row in GOOD)),
        "rows.jsonl, line 1, column 2: the value goes on after the end of the line ('{'). Write each object on one "
        "line.",
    ),
    "an array over several lines within a row": (
        ("rows.jsonl", lines(*GOOD) + '{"question": [\n1]}\n'),
        "rows.jsonl, line 11, column 15: the value goes on after the end of the line ('{\"question\": ['). Write each "
        "object on one line.",
    ),
    "a web page": (
        ("rows.json", "<!DOCTYPE html><html></html>"),
        "rows.json, line 1, column 1: no valid JSON at '<!DOCTYPE html>' (Expecting value). Mend it there.",
    ),
    "arrays in arrays without end": (
        ("rows.jsonl", lines(*GOOD) + "[" * 100_000 + "\n"),
        "rows.jsonl, row 11: the JSON is nested too deeply to be read. Mend or remove the row.",
    ),
    "JSON Lines named .json": (
        ("rows.json", lines(*GOOD)),
        'rows.json, line 2, column 1: something follows after the JSON has ended (\'nswer": "A0."}\\n{"question": '
        "\"Q'). "
        "If every line is an object, name the file .jsonl.",
    ),
    "a comma behind each row": (
        ("rows.jsonl", lines(*GOOD).replace("}\n", "},\n")),
        'rows.jsonl, line 1, column 37: something follows after the JSON has ended (\'answer": "A0."},\'). Remove the '
        "comma behind the object.",
    ),
    "two rows in a line": (
        ("rows.jsonl", lines(*GOOD[:2]).replace("\n", " ", 1)),
        'rows.jsonl, line 1, column 38: something follows after the JSON has ended (\'nswer": "A0."} {"question": '
        "\"Q'). Write each object on a line of its own.",
    ),
    "line ends of an old Macintosh": (
        ("rows.jsonl", lines(*GOOD).replace("\n", "\r")),
        'rows.jsonl, line 1, column 38: something follows after the JSON has ended (\'nswer": "A0."}\\r{"question": '
        "\"Q'). Its lines end with a carriage return alone; save it with the line ends of Unix or Windows.",
    ),
    "files joined with their byte order marks": (
        ("rows.jsonl", lines(*GOOD) + "\ufeff" + lines(*GOOD)),
        "rows.jsonl, line 11, column 1: a byte order mark (U+FEFF) stands there, as where files were joined. "
        "Remove it.",
    ),
    "a JSON array named .jsonl": (
        ("rows.jsonl", json.dumps(GOOD, indent=1)),
        "rows.jsonl: begins with '[' as a JSON array does. Name it .json, or write one object per line.",
    ),
    "rows below a name": (
        ("rows.json", json.dumps({"data": GOOD})),
        "rows.json: a .json file must hold an array of objects, and this is an object with the fields 'data'. "
        "Save the array in 'data' alone.",
    ),
    "rows by columns": (
        ("rows.json", json.dumps({name: {str(n): row[name] for n, row in enumerate(GOOD)} for name in GOOD[0]})),
        "rows.json: a .json file must hold an array of objects, and this is an object with the fields 'question', "
        "'answer'. Its rows are written by columns or keys; save it as records (pandas: to_json(file, "
        "orient='records')).",
    ),
    "rows as lists by columns": (
        ("rows.json", json.dumps({"question": ["a", "b"], "answer": ["c", "d"]})),
        "rows.json: a .json file must hold an array of objects, and this is an object with the fields 'question', "
        "'answer'. Its rows are written by columns or keys; save it as records (pandas: to_json(file, "
        "orient='records')).",
    ),
    "a single row": (
        ("rows.json", json.dumps(GOOD[0])),
        "rows.json: a .json file must hold an array of objects, and this is an object with the fields 'question', "
        "'answer'. Put the objects into one array, or name the file .jsonl if every line is an object.",
    ),
    "a row that is a text": (
        ("rows.json", json.dumps([*GOOD, LONG])),
        f"rows.json, row 11: expected an object with named fields, found a string of 100,000 characters ('{'x' * 37}..."
        f"{'x' * 38}'). Mend or remove the row.",
    ),
    "a row of CSV with a cell too many": (
        ("rows.csv", "question,answer\na,b\n\na,b, c\n"),
        "rows.csv, row 2 (line 4): the number of cells is 3 ('a', 'b', ' c') and in the header 2 ('question', "
        "'answer'). Put cells that hold a comma in double quotes.",
    ),
    "a row of CSV with a cell too few": (
        ("rows.csv", "question,answer\na,b\na\n"),
        "rows.csv, row 2 (line 3): the number of cells is 1 ('a') and in the header 2 ('question', 'answer'). "
        "Put cells that hold a comma in double quotes.",
    ),
    "a quote never closed": (
        ("rows.csv", 'question,answer\na,b\na,"b\nc,d\ne,f\n'),
        f"rows.csv, line 3: a double quote is opened and never closed. {CELLS}",
    ),
    "a quote inside a cell": (
        ("rows.csv", 'question,answer\na,b\na,"b" c\n'),
        f"rows.csv, line 3: no valid CSV (',' expected after '\"'). {CELLS}",
    ),
    "semicolons between the cells": (
        ("rows.csv", "question;answer\na;b, c\n"),
        "rows.csv: the header is a single cell, 'question;answer', as if cells were separated by ';'; save the file "
        "with commas.",
    ),
    "tabs between the cells": (
        ("rows.csv", "question\tanswer\na\tb\n"),
        "rows.csv: the header is a single cell, 'question\\tanswer', as if cells were separated by '\\t'; save the "
        "file with commas.",
    ),
    "two columns of one name": (
        ("rows.csv", "question,answer,answer\na,b,c\n"),
        "rows.csv: the header names 'answer' more than once; rename a column.",
    ),
    "a thousand columns and two cells": (
        ("rows.csv", ",".join(f"column_{number}" for number in range(1000)) + "\na,b\n"),
        "rows.csv, row 1 (line 2): the number of cells is 2 ('a', 'b') and in the header 1000 ('column_0', 'column_1', "
        "'column_2', 'column_3', 'column_4', 'column_5', 'column_6', 'column_7', 'column_8', 'column_9', 'column_10', "
        "'column_11' and 988 more). Put cells that hold a comma in double quotes.",
    ),
    "a text named .parquet": (
        ("rows.parquet", "no Parquet"),
        "rows.parquet: no Parquet file, or a damaged one (Parquet magic bytes not found in footer. Either the file is "
        "corrupted or this is not a parquet file). Copy or download it again, or save it anew.",
    ),
    "Parquet cut off": (
        ("rows.parquet", parquet(*GOOD)[:-20]),
        "rows.parquet: no Parquet file, or a damaged one (Parquet magic bytes not found in footer. Either the file is "
        "corrupted or this is not a parquet file). Copy or download it again, or save it anew.",
    ),
    "damaged Parquet": (
        ("rows.parquet", parquet(*GOOD)[:20] + b"\xff" * 60 + parquet(*GOOD)[80:]),
        "rows.parquet: no Parquet file, or a damaged one (Corrupt snappy compressed data). Copy or download it again, "
        "or save it anew.",
    ),
}
WHOLE_FILES = {
    "UTF-16 with its mark": (
        ("rows.jsonl", lines(*GOOD).encode("utf-16")),
        f"{FILES}: 'rows.jsonl' is UTF-16; save it as UTF-8.",
    ),
    "UTF-16 without its mark": (
        ("rows.csv", "question,answer\na,b\n".encode("utf-16-le")),
        "rows.csv: line 1 has a byte 0x00, as files in UTF-16 do; save the file as UTF-8 text.",
    ),
    "a zero byte": (
        ("rows.csv", b"question,answer\na,b\nc\x00d,e\n"),
        "rows.csv: line 3 has a byte 0x00, as files in UTF-16 do; save the file as UTF-8 text.",
    ),
    "Latin-1": (
        ("rows.csv", "question,answer\na,b\nGrüße,b\n".encode("latin-1")),
        "rows.csv: line 3 is not UTF-8 (byte 0xfc in b'Gr\\xfc\\xdfe,b'); save the file as UTF-8.",
    ),
    "GBK": (
        ("rows.jsonl", b'{"question": "a"}\n' + '{"question": "问题"}'.encode("gbk")),
        'rows.jsonl: line 2 is not UTF-8 (byte 0xce in b\'{"question": "\\xce\\xca\\xcc\\xe2"}\'); save the file as '
        "UTF-8.",
    ),
    "gzip named .jsonl": (
        ("rows.jsonl", gzip.compress(lines(*GOOD).encode())),
        f"{FILES}: 'rows.jsonl' is compressed; add .gz to its name.",
    ),
    "bzip2 named .csv": (
        ("rows.csv", bz2.compress(lines(*GOOD).encode())),
        f"{FILES}: 'rows.csv' is compressed; add .bz2 to its name.",
    ),
    "xz named .json": (
        ("rows.json", lzma.compress(lines(*GOOD).encode())),
        f"{FILES}: 'rows.json' is compressed; add .xz to its name.",
    ),
    "Zstandard named .jsonl": (
        ("rows.jsonl", pyarrow.compress(lines(*GOOD).encode(), codec="zstd", asbytes=True)),
        f"{FILES}: 'rows.jsonl' is compressed; add .zst to its name.",
    ),
    "gzip named .xz": (
        ("rows.jsonl.xz", gzip.compress(lines(*GOOD).encode())),
        f"{FILES}: 'rows.jsonl.xz' is compressed; add .gz to its name.",
    ),
    "no gzip named .gz": (
        ("rows.jsonl.gz", lines(*GOOD)),
        "rows.jsonl.gz: cannot be unpacked as its ending .gz says (Not a gzipped file (b'{\"')). Copy or download it "
        "again, or name it as it was compressed.",
    ),
    "bzip2 cut off": (
        ("rows.jsonl.bz2", bz2.compress(lines(*GOOD).encode())[:-20]),
        "rows.jsonl.bz2: cannot be unpacked as its ending .bz2 says (Compressed file ended before the end-of-stream "
        "marker was reached). Copy or download it again, or name it as it was compressed.",
    ),
    "Zstandard cut off": (
        ("rows.jsonl.zst", pyarrow.compress(lines(*GOOD).encode(), codec="zstd", asbytes=True)[:-9]),
        "rows.jsonl.zst: cannot be unpacked as its ending .zst says (Truncated compressed stream). Copy or download it "
        "again, or name it as it was compressed.",
    ),
    "an archive": (
        ("rows.zip", b"PK"),
        f"{FILES}: 'rows.zip' has an unknown ending; known are {ENDINGS}; unpack it first.",
    ),
    "a spreadsheet named .csv": (
        ("rows.csv", b"PK\x03\x04" + bytes(100)),
        f"{FILES}: 'rows.csv' is a ZIP archive or a spreadsheet; unpack it, or save the table as CSV.",
    ),
    "Git LFS's note instead of the file": (
        ("rows.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
        f"{FILES}: 'rows.parquet' is only Git LFS's note of a file; run `git lfs pull` to have the file itself.",
    ),
    "an unknown ending": (
        ("rows.tsv", "question\tanswer\n"),
        f"{FILES}: 'rows.tsv' has an unknown ending; known are {ENDINGS}; save the table as CSV, with commas.",
    ),
    "another ending of JSON Lines": (
        ("rows.ndjson", lines(*GOOD)),
        f"{FILES}: 'rows.ndjson' has an unknown ending; known are {ENDINGS}; name it .jsonl.",
    ),
    "an ending that says nothing": (
        ("rows.dat", lines(*GOOD)),
        f"{FILES}: 'rows.dat' has an unknown ending; known are {ENDINGS}.",
    ),
    "an archive that is compressed": (
        ("rows.tar.gz", gzip.compress(lines(*GOOD).encode())),
        f"{FILES}: 'rows.tar.gz' has an unknown ending; known are {ENDINGS}; unpack it first.",
    ),
    "an archive under the name of rows": (
        ("rows.jsonl.gz", gzip.compress(build_archive())),
        "rows.jsonl.gz: what is packed in it is an archive (tar); unpack it first.",
    ),
    "compressed twice": (
        ("rows.jsonl.xz", lzma.compress(gzip.compress(lines(*GOOD).encode()))),
        "rows.jsonl.xz: what is packed in it is compressed once more; unpack it once.",
    ),
    "Parquet with a column twice": (
        ("rows.parquet", build_doubled()),
        "rows.parquet: it names 'answer' more than once; rename a column.",
    ),
    "an empty file": (("rows.jsonl", ""), f"{FILES}: 'rows.jsonl' {NO_ROWS}"),
    "blank lines only": (("rows.jsonl", "\n \n"), f"{FILES}: 'rows.jsonl' {NO_ROWS}"),
    "a header only": (("rows.csv", "question,answer\n"), f"{FILES}: 'rows.csv' {NO_ROWS}"),
    "an empty array": (("rows.json", "[]"), f"{FILES}: 'rows.json' {NO_ROWS}"),
    "Parquet without rows": (
        ("rows.parquet", parquet()),
        f"{FILES}: 'rows.parquet' has no rows. Name a file with rows.",
    ),
}


@pytest.mark.parametrize("case", SYNTAX | WHOLE_FILES)
def test_a_file_that_is_not_what_it_should_be_is_refused(case):
    (name, content), sentence = (SYNTAX | WHOLE_FILES)[case]
    assert refuse(content, name) == sentence
    assert not list(Path("out").glob("*"))


def test_a_missing_file_a_broken_link_and_a_pipe_are_refused(tmp_path):
    def find(file):
        return refuse(lines(*GOOD), test_files=(file,))

    Path("link.json").symlink_to("nowhere.json")
    os.mkfifo("pipe.json")
    key = "datasets.mine.fetch.test_files"
    assert find("none.json") == f"{key}: 'none.json' does not exist (looked for in {tmp_path}). Correct the path."
    assert find("link.json") == (
        f"{key}: 'link.json' leads to 'nowhere.json', which is not there (looked for in {tmp_path}). Correct the path."
    )
    assert find("pipe.json") == f"{key}: 'pipe.json' is no regular file; save the rows as one."
    assert find("n" * 300 + ".json") == (
        f"{key}: '{'n' * 300}.json' cannot be read (File name too long). Check its path and permissions."
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused():
    Path("secret.jsonl").write_text("x")
    Path("secret.jsonl").chmod(0)
    assert refuse(lines(*GOOD), test_files=("secret.jsonl",)) == (
        "datasets.mine.fetch.test_files: 'secret.jsonl' cannot be read (Permission denied). Check its path and "
        "permissions."
    )


def test_parquet_text_that_is_no_utf8_is_refused():
    good, bad = pyarrow.array([b"ok", b"\xff\xfe"]), io.BytesIO()
    text = pyarrow.StringArray.from_buffers(2, *good.buffers()[1:])
    pyarrow.parquet.write_table(pyarrow.table({"question": text, "answer": ["a", "b"]}), bad)
    assert refuse(bad.getvalue(), "rows.parquet") == (
        "rows.parquet: no Parquet file, or a damaged one ('utf-8' codec can't decode byte 0xff in position 0: invalid "
        "start byte). Copy or download it again, or save it anew."
    )


def test_a_folder_that_is_no_single_table_is_refused():
    def find(*names):
        for name in names:
            Path("shards", name).parent.mkdir(parents=True, exist_ok=True)
            Path("shards", name).write_text(lines(*GOOD))
        sentence = refuse(lines(*GOOD), files=("shards",))
        for name in names:
            Path("shards", name).unlink()
        return sentence.removeprefix(f"{FILES}: the folder 'shards' ")

    Path("shards").mkdir()
    one = "and a folder is read as one table. Name the files instead."
    assert find() == "holds no files with rows. Name another, or the files."
    assert find("README.md", "_SUCCESS", ".part.crc") == "holds no files with rows. Name another, or the files."
    assert find("a.jsonl", "b.json.gz") == f"holds files of several kinds ('.json', '.jsonl'), {one}"
    assert find("train-0.jsonl", "test-0.jsonl") == f"holds splits ('test', 'train'), {one}"
    assert find("a.validation.jsonl", "training.jsonl") == f"holds splits ('train', 'val'), {one}"
    assert find("notes.pdf") == (
        f"{FILES}: 'shards/notes.pdf' has an unknown ending; known are {ENDINGS}; save its text as .txt, with blank "
        "lines between paragraphs."
    )
    assert find("a.jsonl", "more/b.jsonl") == "holds other folders ('more'); name one of those."
