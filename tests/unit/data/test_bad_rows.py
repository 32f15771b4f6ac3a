"""A row that cannot be used is refused in one sentence with file, row, field, value and remedy."""

import json
import resource
import time
from pathlib import Path

import pytest

from tests.unit.data.dataset_stages import GOOD, LONG, SHORT, SPLITS, lines, refuse, run
from tunelab.records import read_json

COLUMNS = "datasets.mine.prepare.columns"
MEND = "Mend or remove the row, or map another column."
MORE = (
    "Change datasets.mine.prepare.test, datasets.mine.prepare.validation or datasets.mine.prepare.limit, or bring more "
    "rows."
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


VALUES = {
    "NaN": (
        lines(*GOOD) + '{"question": "a", "answer": NaN}\n',
        "rows.jsonl, row 11, field 'answer': NaN is no value of JSON; write null, or leave the field out.",
    ),
    "an infinity in a column that is not used": (
        "\n" + lines(*GOOD) + '{"question": "a", "answer": "b", "more": {"score": -Infinity}}\n',
        "rows.jsonl, row 11 (line 12), field 'more.score': -Infinity is no value of JSON; write null, or leave the "
        "field out.",
    ),
    "a field twice": (
        lines(*GOOD) + '{"question": "a", "answer": "b", "answer": "c"}\n',
        "rows.jsonl, row 11, field 'answer': it stands 2 times in one object; keep one of them.",
    ),
    "a number of 64 bits and more": (
        lines(*GOOD, GOOD[0] | {"id": 2**63}),
        "rows.jsonl, row 11, field 'id': the number 9223372036854775808 is beyond the 64 bits of a signed "
        "number. Write it as text, or leave the field out.",
    ),
    "a number of 5000 digits": (
        lines(*GOOD) + '{"id": ' + "9" * 5000 + "}\n",
        f"rows.jsonl, row 11, field 'id': the number '{'9' * 37}...{'9' * 38}' is too long to be stored; write it as "
        "text in double quotes.",
    ),
    "numbers that no common type holds": (
        lines(*GOOD, GOOD[0] | {"id": 2**60 + 1}, GOOD[1] | {"id": 0.5}),
        "rows.jsonl, row 12, field 'id': a number (0.5) cannot be stored in one column with the rows before. Write the "
        "field as text in every row, or leave it out.",
    ),
    "arrays forty deep": (
        lines(*GOOD, GOOD[0] | {"tree": json.loads("[" * 40 + "]" * 40)}),
        f"rows.jsonl, row 11, field 'tree{'[]' * 32}': nested more than 32 deep, which cannot be stored. Leave the "
        "field out.",
    ),
    "half a character": (
        lines(*GOOD, {"question": "a\ud800b", "answer": "c"}),
        "rows.jsonl, row 11, field 'question': half a character (a lone surrogate) in 'a\\ud800b'. Write it whole.",
    ),
    "half a character in a field's name": (
        lines(*GOOD, GOOD[0] | {"more": {"\udfff": 1}}),
        "rows.jsonl, row 11: the field name '\\udfff' holds half a character. Rename the field.",
    ),
    "text here and a number there": (
        lines(*GOOD, {"question": "a", "answer": 7}),
        "rows.jsonl, row 11, field 'answer': a number (7), but a string in rows.jsonl, row 1. Write it the same way "
        "everywhere, or leave the field out.",
    ),
    "text here and a long list there": (
        lines(*GOOD, {"question": "a", "answer": [LONG] * 50}),
        f"rows.jsonl, row 11, field 'answer': an array (['{SHORT}', '{'x' * 33}...), but a string in "
        "rows.jsonl, row 1. Write it the same way everywhere, or leave the field out.",
    ),
    "a list of texts and numbers": (
        lines(*GOOD, GOOD[0] | {"tags": ["a", 1]}),
        "rows.jsonl, row 11, field 'tags[]': a number (1), but a string in rows.jsonl, row 11. Write it the same way "
        "everywhere, or leave the field out.",
    ),
    "rows without fields": (
        "{}\n{}\n",
        "rows.jsonl, row 1: neither this row nor any other has a field. Give every row its fields.",
    ),
    "one row without fields": (
        lines(*GOOD, {}),
        f"rows.jsonl, row 11, field 'question': expected text that is not blank, found nothing. {MEND}",
    ),
    "null": (
        lines(*GOOD, {"question": "a", "answer": None}),
        f"rows.jsonl, row 11, field 'answer': expected text that is not blank, found nothing. {MEND}",
    ),
    "an empty text": (
        lines(*GOOD, {"question": "", "answer": "b"}),
        f"rows.jsonl, row 11, field 'question': expected text that is not blank, found a string (''). {MEND}",
    ),
    "white space": (
        lines(*GOOD, {"question": "a", "answer": " \n\t\u3000"}),
        "rows.jsonl, row 11, field 'answer': expected text that is not blank, found a string (' \\n\\t\\u3000'). "
        + MEND,
    ),
    "characters of no width": (
        lines(*GOOD, {"question": "a", "answer": "\u200b\ufeff\u2060\u3164"}),
        "rows.jsonl, row 11, field 'answer': expected text that is not blank, found a string "
        f"('\\u200b\\ufeff\\u2060\u3164'). {MEND}",
    ),
    "a number": (
        lines({"question": "a", "answer": 7}),
        f"rows.jsonl, row 1, field 'answer': expected text that is not blank, found a number (7). {MEND}",
    ),
    "true": (
        lines({"question": "a", "answer": True}),
        f"rows.jsonl, row 1, field 'answer': expected text that is not blank, found true or false (True). {MEND}",
    ),
    "a list": (
        lines({"question": "a", "answer": ["b"]}),
        f"rows.jsonl, row 1, field 'answer': expected text that is not blank, found an array (['b']). {MEND}",
    ),
    "an object": (
        lines({"question": "a", "answer": {"text": "b"}}),
        f"rows.jsonl, row 1, field 'answer': expected text that is not blank, found an object ({{'text': 'b'}}). "
        f"{MEND}",
    ),
}
COLUMN_NAMES = {
    "a column is missing": (
        ([{"question": "a"}], {}),
        f"rows.jsonl: there is no column 'answer', from which the field 'answer' is read; the columns are 'question'. "
        f"Name one of them in {COLUMNS}.answer.",
    ),
    "a column is misspelt": (
        ([{"qestion": "a", "answer": "b"}], {}),
        "rows.jsonl: there is no column 'question', from which the field 'question' is read; the columns are "
        f"'qestion', 'answer' (did you mean 'qestion'?). Name one of them in {COLUMNS}.question.",
    ),
    "a column is in capitals": (
        ([{"QUESTION": "a", "ANSWER": "b"}], {}),
        "rows.jsonl: there is no column 'question', from which the field 'question' is read; the columns are "
        f"'QUESTION', 'ANSWER' (did you mean 'QUESTION'?). Name one of them in {COLUMNS}.question.",
    ),
    "a column that is mapped is not there": (
        ([{"question": "a", "answer": "b"}], {"columns": {"answer": "anser"}}),
        "rows.jsonl: there is no column 'anser', from which the field 'answer' is read; the columns are 'question', "
        f"'answer' (did you mean 'answer'?). Name one of them in {COLUMNS}.answer.",
    ),
    "a column that is mapped is in capitals": (
        ([{"question": "a", "answer": "b"}], {"columns": {"answer": "ANSWER"}}),
        "rows.jsonl: there is no column 'ANSWER', from which the field 'answer' is read; the columns are 'question', "
        f"'answer' (did you mean 'answer'?). Name one of them in {COLUMNS}.answer.",
    ),
    "a field is mapped that the format has not got": (
        ([{"question": "a", "answer": "b"}], {"columns": {"anser": "answer"}}),
        f"{COLUMNS}: 'anser' is no field of the format; the format question_answer has the fields question, answer "
        "(did you mean 'answer'?).",
    ),
    "a thousand columns of other names": (
        ([{f"{number}{LONG[:1000]}": "a" for number in range(1000)}], {}),
        "rows.jsonl: there is no column 'question', from which the field 'question' is read; the columns are "
        f"'0{SHORT[1:]}', '1{SHORT[1:]}' and 998 more. Name one of them in {COLUMNS}.question.",
    ),
}
USER, REPLY = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
EXPECTED = "a list of at least two messages with role and content"
CONVERSATIONS = {
    "a role of another kind": (
        [USER, {"role": "bot", "content": "b"}],
        "field 'messages[1].role': expected 'assistant' (user and assistant in turn), found a string ('bot').",
    ),
    "a role without end": (
        [{"role": LONG, "content": "a"}, REPLY],
        f"field 'messages[0].role': expected 'user' (user and assistant in turn), found a string of 100,000 characters "
        f"('{SHORT}').",
    ),
    "the assistant first": (
        [REPLY, USER],
        "field 'messages[0].role': expected 'user' (user and assistant in turn), found a string ('assistant').",
    ),
    "no assistant": (
        [USER],
        f"field 'messages': expected {EXPECTED}, found an array ([{{'content': 'a', 'role': 'user'}}]).",
    ),
    "the user last": (
        [USER, REPLY, USER],
        "field 'messages[-1].role': expected 'assistant' (the reply to learn comes last), found a string ('user').",
    ),
    "messages in ShareGPT's words": (
        [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}],
        "field 'messages[0]': expected a message with role and content (for from and value: format sharegpt), found an "
        "object ({'from': 'human', 'value': 'a'}).",
    ),
    "contents of parts": (
        [{"role": role, "content": [{"type": "text", "text": "a"}]} for role in ("user", "assistant")],
        "field 'messages[0].content': expected text that is not blank, found an array ([{'text': 'a', 'type': "
        "'text'}]).",
    ),
    "messages as one text": (
        json.dumps([USER, REPLY]),
        f"field 'messages': expected {EXPECTED}, found a string ('{json.dumps([USER, REPLY])}').",
    ),
    "no messages": ([], f"field 'messages': expected {EXPECTED}, found an array ([])."),
}
NUMBER = "expected worked steps and then '#### ' with one number, found a string"
WORKED_ANSWERS = {
    "no mark": ("5 apples", f"{NUMBER} ('5 apples')."),
    "no number": ("Steps.\n####", f"{NUMBER} ('####')."),
    "a number in words": (f"{LONG}\n#### five", f"{NUMBER} ('#### five')."),
    "two numbers": ("Steps.\n#### 5 or 6", f"{NUMBER} ('#### 5 or 6')."),
    "a line after the number": ("Steps.\n#### 5\nSo: 5", f"{NUMBER} ('#### 5\\nSo: 5')."),
    "no steps": ("#### 5", f"{NUMBER} ('#### 5')."),
}
TOO_FEW = {
    "test and validation take all": (
        (GOOD, {"test": 6, "validation": 4}),
        "train. Rows: 10; validation 4, test 6 give train 0, validation 4, test 6.",
    ),
    "a single row": (
        (GOOD[:1], {}),
        "train and validation. Rows: 1; validation 0.1, test 0.1 give train 0, validation 0, test 1.",
    ),
    "one row over and over": (
        (GOOD[:1] * 50, {}),
        "train and validation. Rows: 50 (49 repeated); validation 0.1, test 0.1 give train 0, validation 0, test 1.",
    ),
    "one question over and over": (
        ([{"question": "a", "answer": str(number)} for number in range(50)], {"limit": 20}),
        "validation and test. Rows: 50 (20 with one question, so kept together); limit 20, validation 0.1, test 0.1 "
        "give train 20, validation 0, test 0.",
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_a_row_that_cannot_be_used_is_refused(case):
    content, sentence = VALUES[case]
    assert refuse(content) == sentence


@pytest.mark.parametrize("case", COLUMN_NAMES)
def test_wrong_columns_are_refused(case):
    (rows, prepare), sentence = COLUMN_NAMES[case]
    assert refuse(lines(*rows), prepare=prepare) == sentence


@pytest.mark.parametrize("case", CONVERSATIONS)
def test_a_conversation_of_the_wrong_form_is_refused(case):
    messages, sentence = CONVERSATIONS[case]
    assert (
        refuse(lines({"messages": messages}), prepare={"format": "messages"}) == f"rows.jsonl, row 1, {sentence} {MEND}"
    )


def test_excels_first_line_is_shown():
    assert refuse("sep=,\nquestion,answer\na,b\n", "rows.csv").startswith(
        "rows.csv: there is no column 'question', from which the field 'question' is read; the columns are 'sep=', ''."
    )


def test_contents_of_text_and_of_parts_are_refused_with_both_rows():
    parts = {"role": "user", "content": [{"type": "text", "text": "a"}]}
    content = lines({"messages": [USER, REPLY]}, {"messages": [parts, REPLY]})
    assert refuse(content, prepare={"format": "messages"}) == (
        "rows.jsonl, row 2, field 'messages[].content': an array ([{'text': 'a', 'type': 'text'}]), but a string in "
        "rows.jsonl, row 1. Write it the same way everywhere, or leave the field out."
    )


@pytest.mark.parametrize("case", WORKED_ANSWERS)
def test_a_worked_answer_without_its_number_is_refused(case):
    answer, sentence = WORKED_ANSWERS[case]
    found = refuse(lines({"question": "a", "answer": answer}), prepare={"format": "gsm8k"})
    assert found == f"rows.jsonl, row 1, field 'answer': {sentence} {MEND}"


@pytest.mark.parametrize("case", TOO_FEW)
def test_too_few_rows_are_refused_with_where_they_went(case):
    (rows, prepare), sentence = TOO_FEW[case]
    assert refuse(lines(*rows), prepare=prepare) == f"datasets.mine.prepare: no rows remain for {sentence} {MORE}"


def test_a_held_out_file_that_asks_all_that_is_trained_on_is_refused():
    assert refuse(lines(*GOOD), test_files=("rows.jsonl",)) == (
        "datasets.mine.prepare: no rows remain for train and validation. Rows: 20 (10 asked in the source's test rows "
        f"as well); validation 0.1, test 0.1 give train 0, validation 0, test 1. {MORE}"
    )


def test_a_line_of_50_megabytes_is_refused_in_bounded_time_and_memory():
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refuse(lines(*GOOD, {"question": "a", "answer": "b" * 50_000_000})) == (
        "rows.jsonl, row 11, field 'answer': expected text of at most 1,000,000 characters, found a string of "
        f"50,000,000 characters ('{'b' * 37}...{'b' * 38}'). {MEND}"
    )
    assert time.monotonic() - start < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # kilobytes


def test_a_bad_row_of_several_files_names_its_own_file_and_row():
    Path("one.csv").write_text('question,answer\n"a\nb",c\nd,e\n')
    Path("two.jsonl").write_text("\n" + lines(GOOD[0], {"question": "h", "answer": " "}))
    Path("three.json").write_text(json.dumps([GOOD[1], GOOD[2] | {"answer": 7}]))
    blank = f"field 'answer': expected text that is not blank, found a string (' '). {MEND}"
    for split in ("files", "test_files"):
        for files in (
            ("one.csv", "two.jsonl", "rows.jsonl"),
            ("two.jsonl", "one.csv"),
            ("one.csv", "one.csv", "two.jsonl"),
        ):
            assert refuse(lines(*GOOD), **{split: files}) == f"two.jsonl, row 2, {blank}"
        assert refuse(lines(*GOOD), **{split: ("one.csv", "three.json")}) == (
            "three.json, row 2, field 'answer': a number (7), but a string in one.csv, row 1 (line 2). Write it the "
            "same way everywhere, or leave the field out."
        )
    Path("four.jsonl").write_text(lines({"question": "a"}))
    assert refuse(lines(*GOOD), test_files=("four.jsonl",)).startswith("four.jsonl: there is no column 'answer'")
    assert refuse(lines(*GOOD), test_files=("four.jsonl", "four.jsonl")).startswith(
        "Data set mine, split test (four.jsonl, four.jsonl taken together): there is no column 'answer'"
    )


def test_how_many_rows_each_of_several_files_has_is_on_the_card():
    Path("one.csv").write_text("question,answer\na,b\n")
    run(lines(*GOOD), files=("one.csv", "rows.jsonl"))
    assert read_json(Path("out/card.json"))["file_rows"] == {
        "train": [{"file": "one.csv", "rows": 1}, {"file": "rows.jsonl", "rows": 10}]
    }
    run(lines(*GOOD))
    assert "file_rows" not in read_json(Path("out/card.json"))


def test_text_that_looks_odd_is_kept_as_it_is():
    odd = [
        "\u202eabc\u202c",
        "bell\u0007",
        "nil\u0000nil",
        "a\u2028b",
        "e\u0301",
        "👩\u200d👩\u200d👧",
        " padded ",
        "🫨",
    ]
    rows = run("\ufeff" + lines(*({"question": text, "answer": text} for text in odd)))
    assert sorted(row["messages"][1]["content"] for row in rows) == sorted(odd)


def test_a_cell_longer_than_pythons_limit_for_csv_is_kept():
    rows = run("question,answer\n" + "".join(f"Q{number},{LONG}{LONG}\n" for number in range(5)), "rows.csv")
    assert {len(row["messages"][1]["content"]) for row in rows} == {200_000}


def test_ids_and_columns_of_the_user_are_data_and_neither_names_nor_paths(tmp_path):
    rows = [row | {"id": "../same", "../column": "a", "": "b"} for row in GOOD]
    found = run(lines(*rows))
    assert len({row["id"] for row in found}) == len(found) == 10
    assert all(len(row["id"]) == 12 and row["id"].isalnum() for row in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "rows.jsonl"]
    written = ["card.json", "data_card.json", "raw", *(f"{split}_dataset.json" for split in SPLITS)]
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(written)


def test_rows_that_are_nearly_the_same_on_both_sides_are_counted_as_overlap():
    text = "one two three four five six seven eight nine ten eleven twelve thirteen"
    run(lines(*({"question": f"{text} {number}", "answer": "a"} for number in range(10))), prepare={"test": 3})
    assert read_json(Path("out/data_card.json"))["overlap"] == {"exact": 0, "ngram13": 3, "test_rows": 3}
