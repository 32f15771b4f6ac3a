"""Pairs of a right and a wrong drawn answer to one question."""

import pytest

from tunelab.config.specs.training import PairsSpec
from tunelab.data.choices import describe_choice, pair_answers
from tunelab.errors import UserError

ROWS = [
    {
        "id": name,
        "answer": "7",
        "messages": [{"role": "user", "content": f"{name}?"}, {"role": "assistant", "content": "gold"}],
    }
    for name in "abc"
]


def build_draws(*said):
    """(question, completion, right, tokens, truncated)"""
    return [
        {"id": name, "sample": number, "completion": text, "right": right, "tokens": tokens, "truncated": cut}
        | {"answer": "7", "reward": 0.0}
        for number, (name, text, right, tokens, cut) in enumerate(said)
    ]


DRAWS = build_draws(
    ("a", "R1", True, 10, False),
    ("a", "W1", False, 30, False),
    ("a", "W1", False, 30, False),
    ("a", "W2", False, 11, False),
    ("a", "W3", False, 12, False),
    ("b", "R2", True, 10, False),
    ("b", "cut", False, 10, True),
    ("c", "W4", False, 10, False),
)


def pair(draws=DRAWS, seed=1, **fields):
    rows = pair_answers(draws, ROWS, PairsSpec(**fields), "dpo", seed)
    return [(row["chosen"]["content"], row["rejected"]["content"]) for row in rows]


def test_a_right_answer_goes_against_wrong_ones_to_the_same_question_in_the_order_of_drawing():
    assert pair() == [("R1", "W1"), ("R1", "W2")]
    assert pair(per_question=1) == [("R1", "W1")]
    assert pair(per_question=None) == [("R1", "W1"), ("R1", "W2"), ("R1", "W3")]


def test_answers_of_like_length_are_paired_when_that_is_asked_for():
    assert pair(length_matched=True, per_question=None) == [("R1", "W2"), ("R1", "W3")]


def test_a_pair_has_the_question_as_it_is_asked():
    row = pair_answers(DRAWS, ROWS, PairsSpec(), "dpo", 1)[0]
    assert row == {
        "id": "a-s0-s1",
        "messages": [{"role": "user", "content": "a?"}],
        "chosen": {"role": "assistant", "content": "R1"},
        "rejected": {"role": "assistant", "content": "W1"},
        "answer": "7",
    }


def test_the_choice_tells_how_long_chosen_and_rejected_answers_are():
    rows = pair_answers(DRAWS, ROWS, PairsSpec(), "dpo", 1)
    told = describe_choice(rows, DRAWS)
    assert (told["rows"], told["questions"], told["mean_tokens"]) == (2, ["a"], [10.0, (30 + 11) / 2])


def test_labels_of_a_control_run_are_tossed_by_the_seed():
    many = build_draws(*((f"{'abc'[n % 3]}", f"{n}", n % 2 == 0, 10, False) for n in range(60)))
    judged = pair(many, per_question=None)
    tossed = pair(many, per_question=None, labels="shuffled")
    assert tossed == pair(many, per_question=None, labels="shuffled")
    assert tossed != pair(many, per_question=None, labels="shuffled", seed=2)
    assert {frozenset(two) for two in tossed} == {frozenset(two) for two in judged}
    turned = sum(two not in judged for two in tossed)
    assert 8 < turned < 22


@pytest.mark.parametrize(
    ("draws", "fields", "said"),
    [
        (DRAWS[5:], {}, "both a right and a wrong one that ends within its tokens, so there is no pair"),
        (DRAWS[:3], {"length_matched": True}, "within its tokens and is of like length, so there is no pair"),
    ],
)
def test_no_pair_is_a_sentence(draws, fields, said):
    with pytest.raises(UserError, match=rf"runs\.dpo\.pairs: of {len(draws)} drawn answers no question has .*{said}"):
        pair(draws, **fields)
