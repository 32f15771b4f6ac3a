"""The documented table of numbers is true for numbers alone, at the end of a text, and for lm-evaluation-harness."""

import re
from pathlib import Path

import pytest

from tests.unit.gsm8k_harness import INVALID, extract_flexible
from tunelab.data.worked_answers import split_worked_answer
from tunelab.numbers import find_last_number, normalise_number
from tunelab.scoring.scorers import score_maths

PAGE = Path(__file__).parents[2] / "docs" / "numbers.md"


def read_cell(cell: str) -> str | None:
    text = cell.strip()
    return None if text == "–" else re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), text.strip("`"))


TABLE = [
    tuple(read_cell(cell) for cell in line.split("|")[1:5])
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]


def judge(completion, gold):
    answer = {"id": "a", "completion": completion, "tokens": 1, "finish": "stop"}
    return score_maths(answer, {"id": "a", "answer": gold})


def test_the_table_is_there():
    assert TABLE


@pytest.mark.parametrize(("written", "alone", "last", "harness"), TABLE)
def test_a_row_of_the_table_holds(written, alone, last, harness):
    assert normalise_number(written) == alone
    assert normalise_number(find_last_number(written) or "") == last
    assert extract_flexible(written) == (harness or INVALID)


@pytest.mark.parametrize(("written", "alone", "last"), [row[:3] for row in TABLE])
def test_rewards_scores_and_gold_answers_follow_the_same_row(written, alone, last):
    tagged = judge(f"<answer>\n{written}\n</answer>", alone or "18")
    assert tagged["tagged"] == (tagged["rewards"]["correctness"] == 2.0) == (alone is not None)
    assert (tagged["rewards"]["integer"] == 0.5) == (alone is not None and "." not in alone)
    steps = split_worked_answer(f"Steps.\n#### {written}")
    assert steps == (None if alone is None else ("Steps.", alone))
    assert judge(f"First 3. {written}", last or "3")["flexible"] == (last is not None or not find_last_number(written))


@pytest.mark.parametrize(
    ("written", "tail"),
    [
        ("1e3", "3"),
        ("1 200", "200"),
        ("1'200", "200"),
        ("1{,}000", "0"),
        ("1，000", "0"),
        ("7/18", "18"),
        ("2^18", "18"),
        ("3:18", "18"),
        ("10:00:18", "18"),
        ("7 / 18", "18"),
        ("5 ± 18", "18"),
        ("0x18", "18"),
        ("log_{18}", "18"),
    ],
)
def test_the_tail_of_a_notation_is_never_taken_for_the_number(written, tail):
    assert not judge(f"It is {written}", tail)["flexible"]
    assert not judge(f"It is {written}.", tail)["flexible"]


@pytest.mark.parametrize("dash", "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d")
def test_a_dash_before_a_number_is_a_minus(dash):
    assert normalise_number(f"{dash}18") == normalise_number(f"{dash}$18") == "-18"
    assert not judge(f"The balance is {dash}18", "18")["flexible"]
    assert judge(f"The balance is {dash}18", "-18")["flexible"]


@pytest.mark.parametrize(
    "text", ["\u2212 18", "= - 18", "-(18)", "-**18**", r"-\boxed{\$18}", "负 18", "零下18度", "\uff08\u221218\uff09"]
)
def test_a_minus_a_little_apart_is_kept(text):
    assert not judge(f"The change is {text}", "18")["flexible"]
    assert judge(f"The change is {text}", "-18")["flexible"]


@pytest.mark.parametrize("text", ["20 \u2212 18", "- 18", "(20) - 18", "第1步\uff1a18", "比为 3 比 18", "pages 3 - 18"])
def test_a_dash_between_numbers_or_before_an_item_is_none(text):
    assert judge(text, "18")["flexible"]


@pytest.mark.parametrize("text", ["72 clips, altogether", "72，一共", "72, 其余略", "72;and so on", "72年，没有了"])
def test_punctuation_and_words_after_the_number_do_not_swallow_it(text):
    assert judge(text, "72")["flexible"]


@pytest.mark.parametrize(
    "text", ["所以，18", "一共有3个，18个是红的", "so,18", "3 apples,18 pears", "Total\uff1a3，then，18"]
)
def test_a_comma_before_the_number_is_none_of_its_digits(text):
    assert judge(text, "18")["flexible"]
