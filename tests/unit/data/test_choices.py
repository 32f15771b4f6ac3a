"""The rows that a supervised run learns from drawn answers."""

import pytest

from tunelab.config.specs.training import SelectSpec
from tunelab.data.choices import describe_choice, select_answers
from tunelab.errors import UserError

ROWS = [
    {"id": name, "answer": "7", "messages": [{"role": "system", "content": "Think."}, *turns]}
    for name, turns in (
        (name, [{"role": "user", "content": f"{name}?"}, {"role": "assistant", "content": "gold"}]) for name in "ab"
    )
]


def build_draws(*said):
    """(question, completion, right, reward, truncated)"""
    return [
        {"id": name, "sample": number, "completion": text, "right": right, "reward": reward, "truncated": cut}
        | {"answer": "7", "tokens": len(text)}
        for number, (name, text, right, reward, cut) in enumerate(said)
    ]


DRAWS = build_draws(
    ("a", "one", True, 4.0, False),
    ("a", "one", True, 4.0, False),
    ("a", "two", True, 3.5, False),
    ("a", "wrong", False, 1.5, False),
    ("b", "cut", True, 4.0, True),
    ("b", "three", True, 2.0, False),
)


def choose(**fields):
    return [
        (row["id"], row["messages"][-1]["content"]) for row in select_answers(DRAWS, ROWS, SelectSpec(**fields), "rft")
    ]


def test_the_right_answers_that_end_are_learnt_once_each():
    assert choose() == [("a-s0", "one"), ("a-s2", "two"), ("b-s5", "three")]
    assert choose(distinct=False) == [("a-s0", "one"), ("a-s1", "one"), ("a-s2", "two"), ("b-s5", "three")]
    assert choose(per_question=1) == [("a-s0", "one"), ("b-s5", "three")]
    assert len(choose(per_question=None, distinct=False)) == 4


def test_a_least_reward_goes_before_being_right():
    assert choose(min_reward=3.6) == [("a-s0", "one")]
    assert choose(min_reward=1.0) == [("a-s0", "one"), ("a-s2", "two"), ("a-s3", "wrong"), ("b-s5", "three")]


def test_a_chosen_row_is_the_question_as_it_was_asked_with_the_drawn_answer():
    row = select_answers(DRAWS, ROWS, SelectSpec(), "rft")[0]
    turn = {"role": "assistant", "content": "one"}
    assert row == {"id": "a-s0", "messages": [*ROWS[0]["messages"][:-1], turn], "answer": "7"}
    assert ROWS[0]["messages"][-1]["content"] == "gold"


def test_the_choice_says_of_which_questions_it_is():
    chosen = select_answers(DRAWS, ROWS, SelectSpec(min_reward=3.6), "rft")
    assert describe_choice(chosen, DRAWS) == {
        "rows": 1,
        "mean_tokens": [3.0],
        "questions": ["a"],
        "drawn": 6,
        "asked": 2,
    }


@pytest.mark.parametrize(("fields", "asked"), [({"min_reward": 9.0}, "earned a reward of 9"), ({}, "is right")])
def test_nothing_to_learn_from_is_a_sentence(fields, asked):
    given = build_draws(("a", "cut", True, 4.0, True), ("b", "wrong", False, 1.0, False))
    with pytest.raises(UserError, match=rf"runs\.rft\.select: none of the 2 drawn answers {asked} and ends"):
        select_answers(given, ROWS, SelectSpec(**fields), "rft")
