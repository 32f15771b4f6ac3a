"""Drawn answers are judged by every reward part, and counted by what there is to learn from."""

import pytest

from tunelab.config.specs.samples import SamplesSpec
from tunelab.config.specs.training import Rewards
from tunelab.errors import UserError
from tunelab.scoring.drawn import score_draws, summarise_draws

ROWS = [
    {"id": name, "messages": [{"role": "user", "content": f"{name}?"}, {"role": "assistant", "content": ""}]}
    | {"answer": answer}
    for name, answer in (("a", "7"), ("b", "12"), ("c", "1"))
]
RIGHT = "<reasoning>\n3 + 4\n</reasoning>\n<answer>\n7\n</answer>"


def build_answers(**said):
    return [
        {"id": name, "sample": number, "completion": text, "tokens": len(text), "finish": "stop"}
        for name, texts in said.items()
        for number, text in enumerate(texts)
    ]


def test_every_part_is_kept_and_weighed():
    spec = SamplesSpec(run="x", dataset="y").rewards
    first, second = score_draws(build_answers(a=[RIGHT, "It is 7."]), ROWS, spec)
    parts = {"correctness": 2.0, "integer": 0.5, "strict_format": 0.5, "soft_format": 0.5, "xml_count": 0.5}
    assert {name: first[name] for name in parts} == parts
    assert (first["reward"], first["right"], first["truncated"]) == (4.0, True, False)
    assert (first["prompt"], first["answer"], first["completion"], first["sample"]) == ("a?", "7", RIGHT, 0)
    assert (second["reward"], second["right"]) == (0.0, False)
    weighed = score_draws(build_answers(a=[RIGHT]), ROWS, Rewards(weights={"integer": 3.0}))
    assert (weighed[0]["reward"], weighed[0]["right"]) == (1.5, True), "right, whichever parts are asked for"


def test_what_is_right_follows_the_set_of_rewards():
    bare = build_answers(a=["7"])
    assert [
        score_draws(bare, ROWS, Rewards(set=name, weights={"integer": 1}))[0]["right"] for name in ("fixed", "legacy")
    ] == [
        False,
        True,
    ]


def test_the_yield_counts_questions_by_how_many_of_their_answers_are_right():
    said = build_answers(a=[RIGHT, RIGHT, "no"], b=["<answer>3</answer>", "", "x"], c=["<answer>1</answer>"] * 3)
    said[5]["finish"] = "length"
    found = summarise_draws(score_draws(said, ROWS, Rewards(weights={"correctness": 1.0})), "play")
    assert found == {
        "questions": 3,
        "answers": 9,
        "right": 5,
        "questions_by_right": {"none": 1, "some": 1, "all": 1},
        "distinct_right": 2,
        "truncated": 1,
        "mean_tokens": {"right": (2 * len(RIGHT) + 3 * 18) / 5, "wrong": (2 + 18 + 0 + 1) / 4},
    }


def test_answers_that_teach_nothing_are_a_sentence():
    said = build_answers(a=["x", "y"], b=["x", "z"])
    with pytest.raises(UserError, match=r"samples\.play: of 4 answers to 2 questions none is right"):
        summarise_draws(score_draws(said, ROWS, Rewards(weights={"correctness": 1.0})), "play")
    # none is right, but one is better than another
    said[0]["completion"] = "<answer>8</answer>"
    assert summarise_draws(score_draws(said, ROWS, Rewards(weights={"integer": 1.0})), "play")["right"] == 0
