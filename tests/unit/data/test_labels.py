"""Drawn answers with labels."""

import pytest

from tests.unit.data.test_pairs import DRAWS, ROWS, build_draws
from tunelab.config.specs.training import KtoRun
from tunelab.data.choices import describe_choice, label_answers
from tunelab.errors import UserError


def label(draws=DRAWS, seed=1, **fields):
    spec = KtoRun(method="kto", label="K", model="m", dataset="d", samples="play", training={}, **fields)
    return label_answers(draws, ROWS, spec, "kto", seed)


def test_every_answer_that_ends_is_learnt_by_whether_it_is_right():
    rows = label()
    assert [(row["completion"]["content"], row["label"]) for row in rows] == [
        *(("R1", True), ("W1", False), ("W1", False), ("W2", False), ("W3", False), ("R2", True), ("W4", False)),
    ]
    assert rows[5] == {
        "id": "b-s5",
        "messages": [{"role": "user", "content": "b?"}],
        "completion": {"role": "assistant", "content": "R2"},
        "label": True,
        "answer": "7",
    }


def test_answers_of_a_control_run_exchange_their_labels_by_the_seed():
    many = build_draws(*((f"{'abc'[n % 3]}", f"{n}", n % 4 == 0, 10, False) for n in range(60)))
    judged, tossed = label(many), label(many, labels="shuffled")
    assert tossed == label(many, labels="shuffled") != label(many, labels="shuffled", seed=2)
    assert [row["completion"] for row in tossed] == [row["completion"] for row in judged]
    assert sum(row["label"] for row in tossed) == 15  # the balance is that of the judged ones
    assert 10 < sum(one["label"] != other["label"] for one, other in zip(judged, tossed, strict=True)) < 30


def test_the_choice_tells_how_long_right_and_wrong_answers_are():
    told = describe_choice(label(), DRAWS)
    assert (told["rows"], told["questions"]) == (7, ["a", "b", "c"])
    assert told["mean_tokens"] == [10.0, pytest.approx((30 + 30 + 11 + 12 + 10) / 5)]


@pytest.mark.parametrize(("kept", "lacking"), [(True, "wrong"), (False, "right")])
def test_answers_of_one_label_are_a_sentence(kept, lacking):
    draws = [answer for answer in DRAWS if answer["right"] is kept or answer["truncated"]]
    ended = sum(not answer["truncated"] for answer in draws)
    said = rf"runs\.kto\.samples: of {len(draws)} drawn answers {ended} end .* and none of these is {lacking}, so there"
    with pytest.raises(UserError, match=said):
        label(draws)
