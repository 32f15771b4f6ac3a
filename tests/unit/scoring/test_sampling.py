from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from tunelab.errors import UserError
from tunelab.scoring.pass_at_k import estimate_majority_at_k, estimate_pass_at_k


@pytest.mark.parametrize("samples", [1, 4, 7])
def test_pass_at_k_is_the_share_of_choices_that_hold_a_right_answer(samples):
    for correct in range(samples + 1):
        right = [True] * correct + [False] * (samples - correct)
        for k in range(1, samples + 1):
            found = [any(choice) for choice in combinations(right, k)]
            assert estimate_pass_at_k(correct, samples, k) == pytest.approx(sum(found) / len(found))


def test_pass_at_k_is_the_product_form_of_its_paper():
    expected = 1 - np.prod(1 - 10 / np.arange(200 - 30 + 1, 200 + 1))  # i from n - c + 1 to n
    assert estimate_pass_at_k(30, 200, 10) == pytest.approx(expected)


def test_pass_at_one_is_the_share_of_right_answers():
    assert estimate_pass_at_k(3, 16, 1) == pytest.approx(3 / 16)


def vote_by_brute_force(answers, right, k):
    total = 0.0
    for choice in combinations(range(len(answers)), k):
        votes = Counter(answers[i] for i in choice if answers[i] is not None)
        leaders = [answer for answer, count in votes.items() if count == max(votes.values())]
        for leader in leaders:
            carriers = [right[i] for i in choice if answers[i] == leader]
            total += sum(carriers) / len(carriers) / len(leaders)
    return total / len(list(combinations(answers, k)))


@pytest.mark.parametrize(
    ("answers", "correct"),
    [
        (["72", "72", "70", "72", "1"], {"72"}),
        (["72", "70", "72", "70", None, None, "5"], {"72"}),
        (["1", "2", "3", "4", "5", "6"], {"2"}),
        ([None, None, None, "9"], {"9"}),
        (["1", "1", "1", "2", "2", "3"], {"3"}),
        (["1.0", "1", "1", "2", "2", "2", None], {"1", "1.0"}),
    ],
)
def test_the_majority_of_k_is_the_mean_over_all_choices(answers, correct):
    right = [answer in correct for answer in answers]
    for k in range(1, len(answers) + 1):
        assert estimate_majority_at_k(answers, right, k) == pytest.approx(vote_by_brute_force(answers, right, k))


def test_the_majority_of_random_answers_is_the_mean_over_all_choices():
    rng = np.random.default_rng(1)
    for _ in range(30):
        answers = [[None, "a", "b", "c", "d"][i] for i in rng.integers(5, size=9)]
        right = [answer == "b" for answer in answers]
        k = int(rng.integers(1, 10))
        assert estimate_majority_at_k(answers, right, k) == pytest.approx(vote_by_brute_force(answers, right, k))


def test_equal_answers_judged_differently_count_in_proportion():
    answers, right = ["7", "7", "7", "8"], [True, False, False, False]
    assert estimate_majority_at_k(answers, right, 3) == pytest.approx(vote_by_brute_force(answers, right, 3))
    assert estimate_majority_at_k(answers, right, 4) == pytest.approx(1 / 3)


def test_no_answer_wins_only_where_there_is_no_other_and_is_wrong():
    assert estimate_majority_at_k([None, None, None], [False, False, False], 3) == 0.0
    assert estimate_majority_at_k([None, None, "7"], [False, False, True], 3) == 1.0


def test_a_tie_is_split_evenly():
    assert estimate_majority_at_k(["7", "8"], [True, False], 2) == pytest.approx(0.5)
    assert estimate_majority_at_k(["7", "8", "9"], [True, False, False], 3) == pytest.approx(1 / 3)


@pytest.mark.parametrize("k", [0, 5])
def test_more_votes_than_samples_are_refused(k):
    with pytest.raises(UserError, match=f"k is {k}, but each question has 4 sampled answers"):
        estimate_pass_at_k(1, 4, k)
    with pytest.raises(UserError, match="Lower k or sample more"):
        estimate_majority_at_k(["1"] * 4, [True] * 4, k)
