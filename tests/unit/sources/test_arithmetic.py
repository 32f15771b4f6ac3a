"""The generated sums: right, in GSM8K's format, repeatable, and with nothing shared between train and test."""

import re

import pytest

from tunelab.config.specs.sources import GeneratedDataset
from tunelab.errors import UserError
from tunelab.sources.generated_table import apply_operation, generate_problems

NOTE = re.compile(r"<<(\d+)([-+*/])(\d+)=(\d+)>>(\d+)")


def generate(**fields):
    return generate_problems(GeneratedDataset(source="generated", **fields), "datasets.sums.fetch")


def read_chain(row):
    return tuple(note[:3] for note in NOTE.findall(row["answer"]))


@pytest.fixture(scope="module")
def problems():
    return generate(rows=1500, test_rows=300, min_steps=1, max_steps=4, largest_number=30)


def test_the_asked_number_of_rows_comes_back(problems):
    assert [len(split) for split in problems] == [1500, 300]


def test_every_worked_step_is_right_and_continues_the_one_before(problems):
    operations = set()
    for row in problems[0] + problems[1]:
        *lines, final = row["answer"].split("\n")
        notes = NOTE.findall(row["answer"])
        assert len(lines) == len(notes) and 1 <= len(notes) <= 4
        carried = notes[0][0]
        for left, operation, right, result, shown in notes:
            assert left == carried
            assert int(result) == {"+": int.__add__, "-": int.__sub__, "*": int.__mul__, "/": int.__truediv__}[
                operation
            ](int(left), int(right))
            assert shown == result and 2 <= int(result) <= 60
            operations.add(operation)
            carried = result
        assert final == f"#### {carried}"
    assert operations == set("+-*/")


def test_a_question_names_each_of_its_numbers(problems):
    words = {"2": "twice", "3": "three times", "4": "four times", "5": "five times"}
    for row in problems[0][:200]:
        numbers = re.findall(r"\d+", row["question"])
        chain = read_chain(row)
        named = [chain[0][0]] + [right for _, operation, right in chain if operation != "*"]
        assert numbers == named
        assert all(words[right] in row["question"] for _, operation, right in chain if operation == "*")


def test_no_two_rows_share_numbers_and_operations_so_train_and_test_cannot_overlap(problems):
    train, test = problems
    chains = [read_chain(row) for row in train + test]
    assert len(set(chains)) == 1800
    assert len({row["question"] for row in train + test}) == 1800


def test_the_seed_decides_every_word(problems):
    asked = {"rows": 50, "test_rows": 10}
    assert generate(**asked, seed=3) == generate(**asked, seed=3)
    assert generate(**asked, seed=3) != generate(**asked, seed=4)


def test_the_wording_is_frozen():
    [row], _ = generate(rows=1, test_rows=1, seed=0)
    assert row == {"question": QUESTION, "answer": ANSWER}


def test_asking_for_more_sums_than_there_are_is_refused_with_the_remedy():
    with pytest.raises(UserError, match=r"datasets\.sums\.fetch\.rows and test_rows ask for 400 different sums, but"):
        generate(rows=300, test_rows=100, min_steps=1, max_steps=1, largest_number=5)


def test_division_is_exact():
    assert apply_operation(48, "/", 2) == 24


QUESTION = (
    "Max bakes 17 rolls. After a busy morning Max has twice as many. Max puts the same number on each of 2 trays and "
    "takes one tray along. Max sells 4 of them. How many rolls does Max have in the end?"
)
ANSWER = "17 * 2 = <<17*2=34>>34 rolls.\n34 / 2 = <<34/2=17>>17 rolls.\n17 - 4 = <<17-4=13>>13 rolls.\n#### 13"
