"""Plain texts as rows: where they come from, which are learnt, and that none are held out for a test."""

import gzip
from pathlib import Path

import pytest

from tests.unit.data.dataset_stages import lines, refuse, run
from tunelab.config.specs.data import PrepareSpec
from tunelab.data.formats import build_examples
from tunelab.data.splits import build_records, draw_splits
from tunelab.records import read_json, read_jsonl

TEXT = {"format": "text"}
PUMPS = [f"Pump {number} is checked every {number} weeks." for number in range(20)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def prepare(content, name="rows.jsonl", **fields):
    return [record["text"] for record in run(content, name, TEXT | fields)]


def test_a_record_holds_the_text_as_it_stands_and_nothing_else():
    text = "  Indented,\n\tas it is. <|im_end|>\n\n"
    rows = [{"text": text, "source": "web"}, {"text": "Another.", "source": "book"}]
    records = run(lines(*rows), prepare=TEXT | {"validation": 1})
    assert sorted(map(sorted, records)) == [["id", "text"]] * 2
    assert {record["text"] for record in records} == {text, "Another."}


@pytest.mark.parametrize("name", ["manual.txt", "manual.md", "manual.txt.gz"])
def test_the_paragraphs_of_a_file_of_text_are_rows(name):
    content = "\ufeff# Pumps\r\nfirst  \r\n    indented\r\n \t\r\n\r\nSecond.\n\n\n\nThird\n".encode()
    content = gzip.compress(content) if name.endswith("gz") else content
    assert sorted(prepare(content, name, validation=1)) == ["# Pumps\nfirst\n    indented", "Second.", "Third"]


def test_a_column_of_another_name_is_mapped_and_texts_of_a_table_are_read():
    table = "body,kind\n" + "".join(f'"{text}",a\n' for text in PUMPS)
    assert sorted(prepare(table, "rows.csv", columns={"text": "body"})) == sorted(PUMPS)


def test_a_column_that_is_not_there_is_named():
    said = refuse("body\nOil it.\nTurn it.\n", "rows.csv", TEXT)
    assert "there is no column 'text', from which the field 'text' is read" in said


def test_texts_that_are_to_be_read_as_questions_are_told_the_format_of_texts():
    said = refuse("Oil it.\n\nTurn it.\n", "manual.txt")
    assert said.endswith("columns.question, or take format: text, which plain texts have.")


def test_files_of_notes_are_a_table_where_nothing_else_is_beside_them():
    Path("docs").mkdir()
    for number, text in enumerate(PUMPS):
        Path(f"docs/{number}.md").write_text(f"{text}\n", encoding="utf-8")
    Path("docs/README.md").write_text("About them\n", encoding="utf-8")
    given = {"files": ("docs",), "prepare": TEXT}
    assert sorted(record["text"] for record in run("", "unused", **given)) == sorted(PUMPS)
    Path("docs/rows.jsonl").write_text(lines({"text": "One."}, {"text": "Two."}), encoding="utf-8")
    given["prepare"] = TEXT | {"validation": 1}
    assert sorted(record["text"] for record in run("", "unused", **given)) == ["One.", "Two."]


@pytest.mark.parametrize("value", ["", " \n", "\u200b", None])
def test_a_row_without_a_text_is_named(value):
    rows = [{"text": value if number == 2 else text} for number, text in enumerate(PUMPS)]
    expected = "rows.jsonl, row 3, field 'text': expected text that is not blank, found"
    assert refuse(lines(*rows), prepare=TEXT).startswith(expected)


def test_what_is_no_text_is_named():
    expected = "rows.jsonl, row 1, field 'text': expected text that is not blank, found a number (7)"
    assert refuse(lines({"text": 7}), prepare=TEXT).startswith(expected)


def test_no_text_is_held_out_for_a_test_and_the_data_card_says_so():
    texts = prepare(lines(*({"text": text} for text in PUMPS)), validation=4)
    assert sorted(texts) == sorted(PUMPS)
    assert [len(read_jsonl(f"out/{split}_dataset.json")) for split in ("train", "validation", "test")] == [16, 4, 0]
    card = read_json("out/data_card.json")
    assert card["rows"] == {"train": 16, "validation": 4, "test": 0}
    assert (card["format"], card["system"], card["several_replies"]) == ("text", None, 0)
    assert card["overlap"] == {"exact": 0, "ngram13": 0, "test_rows": 0}
    assert [sorted(example) for example in card["examples"]] == [["id", "text"]] * 3


def build(*texts):
    return build_examples([{"text": text} for text in texts], PrepareSpec(**TEXT), {"text": "text"}, "a.jsonl")


def test_repeated_texts_are_left_out_and_texts_that_differ_in_white_space_stay_on_one_side():
    source = build(*PUMPS, PUMPS[3], f"{PUMPS[4]}  ", f" {PUMPS[4]}")
    splits, left_out = draw_splits(source, None, PrepareSpec(**TEXT, validation=0.3), "manuals")
    assert left_out == {"duplicates": 1, "left_out_in_test": 0}
    sides = [name for name, part in splits.items() for example in part if PUMPS[4] in example.question]
    assert len(sides) == 3 and len(set(sides)) == 1
    records = build_records(splits["train"] + splits["validation"])
    assert len({record["id"] for record in records}) == len(records) == 22


def test_texts_that_a_sources_own_test_split_holds_are_not_learnt():
    splits, left_out = draw_splits(build(*PUMPS), build(PUMPS[0]), PrepareSpec(**TEXT), "manuals")
    assert left_out["left_out_in_test"] == 1 and splits["test"] == []


def test_a_split_without_texts_is_told_without_a_word_of_tests():
    said = refuse(lines({"text": "One."}), prepare=TEXT)
    assert said == (
        "datasets.mine.prepare: no rows remain for train. Rows: 1; validation 0.1 give train 0, validation 1, test 0. "
        "Change datasets.mine.prepare.validation or datasets.mine.prepare.limit, or bring more rows."
    )


def test_a_text_beyond_all_reason_is_refused():
    assert "expected text of at most 1,000,000 characters" in refuse(lines({"text": "x" * 1_000_001}), prepare=TEXT)
