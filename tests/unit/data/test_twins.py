"""Test rows of which training holds nearly the same question, answer or both, with their numbers and without."""

import numpy as np
import pytest

from tunelab.data import contamination
from tunelab.data.contamination import NUMBERS, PARTS, Row, count_usual, find_twins

KNOWN = [
    Row("How do I reset the router on desk 12 without a pin?", "Hold the small button at the back for 5 seconds."),
    Row("What is 3 + 4?", "It is 7."),
    Row("Which city is the capital of the country France today?", "Paris"),
]
ASKED = {
    "the same question and answer": (*KNOWN[0], "kept"),
    "other numbers": (KNOWN[0].question.replace("12", "40"), KNOWN[0].answer.replace("5", "30"), "masked"),
    "a short sum of other numbers": ("What is 1,050.5 + 12?", "It is 9.", "masked"),
    "an answer alone": ("Name me the town with the Eiffel tower, please, now.", "PARIS.", None),
    "a question alone": (KNOWN[2].question, "I would have to look that up first.", None),
    "a question and another row's answer": (KNOWN[0].question, "It is 7.", None),
    "nothing": ("Why is the sky so blue over the sea in summer?", "Because of scattering in the air.", None),
}


@pytest.mark.parametrize(("question", "answer", "first"), ASKED.values(), ids=ASKED)
def test_a_twin_has_question_and_answer_of_one_row_and_numbers_may_be_set_aside(question, answer, first):
    both = [find_twins([Row(question, answer)], KNOWN, numbers == "masked")["both"].tolist() for numbers in NUMBERS]
    assert both == {"kept": [[True], [True]], "masked": [[False], [True]], None: [[False], [False]]}[first]


def test_each_part_is_told_by_itself():
    test = [Row(*row[:2]) for row in ASKED.values()]
    found = find_twins(test, KNOWN, masked=False)
    assert {part: found[part].tolist() for part in PARTS} == {
        "question": [True, False, False, False, True, True, False],
        "answer": [True, False, False, True, False, True, False],
        "both": [True, False, False, False, False, False, False],
    }


def test_rows_are_compared_in_parts_as_in_one(monkeypatch):
    test = [Row(*row[:2]) for row in ASKED.values()]
    whole = find_twins(test, KNOWN, masked=True)
    monkeypatch.setattr(contamination, "CHUNK", 2)
    assert all(np.array_equal(whole[part], found) for part, found in find_twins(test, KNOWN, masked=True).items())


def test_rows_of_a_template_have_twins_among_themselves_and_others_have_none():
    made = [Row(f"What is {n} + {n}?", f"It is {2 * n}.") for n in range(9)]
    assert count_usual(made, masked=True) == (9, 9)
    assert count_usual(made, masked=False) == (0, 9)
    assert count_usual([*KNOWN, *made], masked=True) == (10, 12), "and the sum among the others"


def test_a_text_without_a_word_is_nobodys_twin():
    assert not find_twins([Row("?!", "…")], [Row("?!", "…")], masked=False)["both"].any()
