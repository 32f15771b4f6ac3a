import unicodedata

import pytest

from tunelab.config.specs.data import PrepareSpec
from tunelab.data.formats import Example
from tunelab.data.splits import build_records, draw_splits, fold_question
from tunelab.errors import UserError


def ask(question, reply="A."):
    return Example(question, ({"role": "user", "content": question}, {"role": "assistant", "content": reply}))


def spec(**fields):
    return PrepareSpec(format="question_answer", **fields)


def draw(source, held_out=None, /, **fields):
    return draw_splits(source, held_out, spec(**fields), "quiz")[0]


def sizes(splits):
    return {name: len(examples) for name, examples in splits.items()}


def questions(examples):
    return {fold_question(example.question) for example in examples}


HUNDRED = [ask(f"Question {number}?") for number in range(100)]


def test_shares_and_numbers_of_rows_are_drawn_from_the_training_rows():
    assert sizes(draw(HUNDRED)) == {"train": 80, "validation": 10, "test": 10}
    assert sizes(draw(HUNDRED, test=7, validation=0.05)) == {"train": 88, "validation": 5, "test": 7}


def test_no_row_is_lost_or_doubled():
    splits = draw(HUNDRED)
    assert len(set().union(*map(questions, splits.values()))) == 100


def test_the_split_does_not_depend_on_the_order_of_the_rows():
    source = [*HUNDRED, ask("Question 3?", "B."), ask("Question 3?", "C.")]
    assert draw(source) == draw(source[::-1])


def test_another_seed_draws_other_rows():
    assert questions(draw(HUNDRED, seed=1)["test"]) != questions(draw(HUNDRED, seed=2)["test"])


def test_this_seed_draws_these_rows():
    assert sorted(questions(draw(HUNDRED, test=3)["test"])) == ["Question 24?", "Question 7?", "Question 82?"]


def test_limit_takes_that_many_rows_first_and_keeps_the_test_questions():
    small, large = draw(HUNDRED, limit=20, test=5), draw(HUNDRED, limit=50, test=5)
    assert sizes(small) == {"train": 13, "validation": 2, "test": 5}
    assert sizes(large) == {"train": 40, "validation": 5, "test": 5}
    assert small["test"] == large["test"]


def test_repeats_of_a_question_stay_on_one_side():
    source = [ask(f"Question {number % 10}?{' ' * (number % 2)}", f"Reply {number}") for number in range(60)]
    splits = draw(source, test=0.3, validation=0.3)
    assert sum(len(examples) for examples in splits.values()) == 60
    assert all(len(examples) % 6 == 0 and examples for examples in splits.values())
    assert sum(len(questions(examples)) for examples in splits.values()) == 10


def test_a_question_in_another_form_of_unicode_stays_on_its_side():
    names = ["café", "naïve", "Ångström", "ガイド"]
    source = [
        ask(unicodedata.normalize(form, f"{name} {number}?"), form)
        for name in names
        for number in range(10)
        for form in ("NFC", "NFD")
    ]
    splits = draw(source, test=0.3, validation=0.3)
    assert sizes(splits) == {"train": 32, "validation": 24, "test": 24}
    assert sum(len(questions(examples)) for examples in splits.values()) == 40
    _, left_out = draw_splits(source[::2], source[1:40:2], spec(test=4), "quiz")
    assert left_out == {"duplicates": 0, "left_out_in_test": 20}


def test_rows_that_repeat_a_row_word_by_word_are_left_out_and_counted():
    source = [*HUNDRED, HUNDRED[3], HUNDRED[3], ask(HUNDRED[3].question, "Another reply")]
    splits, left_out = draw_splits(source, None, spec(), "quiz")
    assert left_out == {"duplicates": 2, "left_out_in_test": 0}
    assert sum(sizes(splits).values()) == 101


def test_a_sources_own_test_split_gives_the_test_rows():
    held_out = [ask(f"Held out {number}?") for number in range(40)]
    splits = draw(HUNDRED, held_out, test=30)
    assert sizes(splits) == {"train": 90, "validation": 10, "test": 30}
    assert questions(splits["test"]) < questions(held_out)
    assert sizes(draw(HUNDRED, held_out, test=0.25))["test"] == 10
    assert sizes(draw(HUNDRED, held_out, test=500))["test"] == 40


def test_limit_leaves_a_sources_own_test_split_alone():
    held_out = [ask(f"Held out {number}?") for number in range(40)]
    assert sizes(draw(HUNDRED, held_out, limit=10, test=30)) == {"train": 9, "validation": 1, "test": 30}


def test_training_rows_that_the_sources_own_test_split_asks_too_are_left_out_and_counted():
    held_out = [ask("Question  3?"), ask("Question 4?"), ask("New?")]
    splits, left_out = draw_splits(HUNDRED, held_out, spec(test=1), "quiz")
    assert (left_out, sizes(splits)) == (
        {"duplicates": 0, "left_out_in_test": 2},
        {"train": 88, "validation": 10, "test": 1},
    )
    assert questions(splits["train"] + splits["validation"]).isdisjoint(questions(held_out))


@pytest.mark.parametrize(
    ("rows", "fields", "complaint"),
    [
        (
            2,
            {},
            r"no rows remain for train\. Rows: 2; validation 0.1, test 0.1 give train 0, validation 1, test 1\. Change",
        ),
        (100, {"test": 100}, "no rows remain for train"),
        (100, {"limit": 1}, r"no rows remain for train and validation\. Rows: 100; limit 1, "),
        (100, {"test": 99, "validation": 1}, "no rows remain for train"),
    ],
)
def test_a_split_without_rows_is_refused(rows, fields, complaint):
    with pytest.raises(UserError, match=rf"datasets\.quiz\.prepare: {complaint}"):
        draw(HUNDRED[:rows], **fields)


def test_a_question_with_more_rows_than_a_split_may_hold_is_refused():
    with pytest.raises(
        UserError, match=r"Rows: 10 \(10 with one question, so kept together\); .* give train 10, validation 0, test 0"
    ):
        draw([ask("Same?", str(number)) for number in range(10)], test=3)


def test_records_have_ids_from_their_question_numbered_where_it_repeats():
    records = build_records([ask("Why?"), ask("Why?", "B."), ask("How?")])
    assert [record["id"] for record in records] == ["499f097cf704", "499f097cf704-2", "2504c87af074"]
    assert list(records[0]) == ["id", "messages"]
