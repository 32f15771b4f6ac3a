import random

import pytest

from tunelab.config.specs.training import Rewards
from tunelab.scoring.rewards import REWARDS, build_reward_functions, find_tagged_answer

NAMES = ["correctness", "integer", "strict_format", "soft_format", "xml_count"]
IDEAL = "<reasoning>\n8*9=72\n</reasoning>\n<answer>\n72\n</answer>\n"
NATURAL = IDEAL.rstrip()
TWO_LINES = "<reasoning>\n8*9=72\nSo 72.\n</reasoning>\n<answer>\n72\n</answer>\n"
COMPACT = "<reasoning>\n8 books and\n1 book\n\n</reasoning>\n<answer>72</answer>"
TRUNCATED = "<reasoning>\n" + "r" * 110 + "\n</reasoning>\n<answer>\n" + "x" * 1000
ONE_LINE = "<reasoning>8*9=72</reasoning><answer>72</answer>"
TWO_ANSWERS = "<reasoning>\n8*9\n</reasoning>\n<answer>\n71\n</answer>\n<answer>\n72\n</answer>"
CHATTY = NATURAL + "\nI hope this helps!"
LONG_TAIL = NATURAL + "\n" + "x" * 500
UNCLOSED = "<answer>72"

# completion, the blog's five rewards and their sum, the fixed five and their sum; the gold number is 72.
TABLE = [
    (IDEAL, [2.0, 0.5, 0.5, 0.0, 0.5], 3.5, [2.0, 0.5, 0.5, 0.5, 0.5], 4.0),
    (NATURAL, [2.0, 0.5, 0.0, 0.0, 0.448], 2.948, [2.0, 0.5, 0.5, 0.5, 0.5], 4.0),
    (TWO_LINES, [2.0, 0.5, 0.0, 0.0, 0.5], 3.0, [2.0, 0.5, 0.5, 0.5, 0.5], 4.0),
    (COMPACT, [2.0, 0.5, 0.0, 0.0, 0.25], 2.75, [2.0, 0.5, 0.0, 0.5, 0.25], 3.25),
    ("72", [2.0, 0.5, 0.0, 0.0, 0.0], 2.5, [0.0, 0.0, 0.0, 0.0, 0.0], 0.0),
    ("The total is 72.", [0.0, 0.0, 0.0, 0.0, 0.0], 0.0, [0.0, 0.0, 0.0, 0.0, 0.0], 0.0),
    (TRUNCATED, [0.0, 0.0, 0.0, 0.0, -0.77], -0.77, [0.0, 0.0, 0.0, 0.0, 0.375], 0.375),
    (ONE_LINE, [2.0, 0.5, 0.0, 0.5, 0.0], 3.0, [2.0, 0.5, 0.0, 0.5, 0.0], 3.0),
    (TWO_ANSWERS, [2.0, 0.5, 0.0, 0.0, 0.25], 2.75, [2.0, 0.5, 0.0, 0.5, 0.25], 3.25),
    (CHATTY, [2.0, 0.5, 0.0, 0.0, 0.464], 2.964, [2.0, 0.5, 0.0, 0.5, 0.482], 3.482),
    (LONG_TAIL, [2.0, 0.5, 0.0, 0.0, -0.5], 2.0, [2.0, 0.5, 0.0, 0.5, 0.375], 3.375),
    (UNCLOSED, [2.0, 0.5, 0.0, 0.0, 0.0], 2.5, [0.0, 0.0, 0.0, 0.0, 0.0], 0.0),
    ("", [0.0, 0.0, 0.0, 0.0, 0.0], 0.0, [0.0, 0.0, 0.0, 0.0, 0.0], 0.0),
]


def test_both_sets_hold_the_five_rewards():
    assert list(REWARDS) == ["fixed", "legacy"]
    assert [list(rewards) for rewards in REWARDS.values()] == [NAMES, NAMES]


@pytest.mark.parametrize(("completion", "legacy", "legacy_total", "fixed", "fixed_total"), TABLE)
def test_each_completion_earns_what_the_truth_table_says(completion, legacy, legacy_total, fixed, fixed_total):
    assert [REWARDS["legacy"][name](completion, "72") for name in NAMES] == pytest.approx(legacy)
    assert [REWARDS["fixed"][name](completion, "72") for name in NAMES] == pytest.approx(fixed)
    assert (sum(legacy), sum(fixed)) == (pytest.approx(legacy_total), pytest.approx(fixed_total))


# what stands in the tags, the gold number, then correctness and integer of both sets
@pytest.mark.parametrize(
    ("text", "gold", "legacy", "fixed"),
    [
        ("1,000", "1000", (0.0, 0.0), (2.0, 0.5)),
        ("1000", "1000", (2.0, 0.5), (2.0, 0.5)),
        ("-3", "-3", (2.0, 0.0), (2.0, 0.5)),
        ("\u22123", "-3", (0.0, 0.0), (2.0, 0.5)),
        ("3", "-3", (0.0, 0.5), (0.0, 0.5)),
        ("$18.00", "18", (0.0, 0.0), (2.0, 0.5)),
        ("72.0", "72", (0.0, 0.0), (2.0, 0.5)),
        ("2.5", "2.5", (2.0, 0.0), (2.0, 0.0)),
        ("\u00b2", "2", (0.0, 0.5), (0.0, 0.0)),
        ("72 books", "72", (0.0, 0.0), (0.0, 0.0)),
        ("", "72", (0.0, 0.0), (0.0, 0.0)),
    ],
)
def test_numbers_in_tags_are_compared_as_strings_by_the_blog_and_as_numbers_by_us(text, gold, legacy, fixed):
    completion = f"<reasoning>\nSo.\n</reasoning>\n<answer>\n{text}\n</answer>\n"
    for name, expected in (("legacy", legacy), ("fixed", fixed)):
        assert tuple(REWARDS[name][reward](completion, gold) for reward in NAMES[:2]) == expected


@pytest.mark.parametrize(
    ("completion", "strict", "soft"),
    [
        (NATURAL + " \n\n", 0.5, 0.5),
        ("\n" + NATURAL, 0.0, 0.5),
        (NATURAL.replace("\n</answer>", "</answer>"), 0.0, 0.5),
        ("Sure! " + NATURAL, 0.0, 0.0),
        (NATURAL + NATURAL, 0.0, 0.5),
        ("<reasoning>\nSo.\n<answer>\n72\n</answer>", 0.0, 0.0),
        ("<reasoning>\nWait: <answer> is a tag.\n</reasoning>\n<answer>\n72\n</answer>", 0.0, 0.0),
        ("<answer>\n72\n</answer>\n<reasoning>\nSo.\n</reasoning>", 0.0, 0.0),
    ],
)
def test_the_fixed_formats_know_order_repetition_and_surroundings(completion, strict, soft):
    assert REWARDS["fixed"]["strict_format"](completion, "72") == strict
    assert REWARDS["fixed"]["soft_format"](completion, "72") == soft


@pytest.mark.parametrize(
    ("completion", "tagged"),
    [
        (TWO_ANSWERS, "72"),
        ("<answer>1</answer> or <answer> 2", "1"),
        ("<answer>1 or <answer>2</answer>", "2"),
        ("<answer> </answer>", None),
        ("72", None),
    ],
)
def test_the_last_complete_answer_block_counts(completion, tagged):
    assert find_tagged_answer(completion) == tagged


def test_the_trainer_gets_named_functions_and_weights_in_the_order_of_the_config():
    functions, weights = build_reward_functions(Rewards(set="legacy", weights={"xml_count": 0.5, "correctness": 2.0}))
    assert [function.__name__ for function in functions] == ["xml_count", "correctness"]
    assert weights == [0.5, 2.0]


def test_a_batch_is_judged_row_by_row_from_conversations_and_the_answer_column():
    (judge,), _ = build_reward_functions(Rewards(weights={"correctness": 1.0}))
    completions = [[{"role": "assistant", "content": text}] for text in (NATURAL, NATURAL, "72")]
    prompts = [[{"role": "user", "content": "8*9?"}]] * 3
    rewards = judge(
        prompts=prompts, completions=completions, answer=["72", "73", "72"], completion_ids=[], id=["a"] * 3
    )
    assert rewards == [2.0, 0.0, 0.0]


def test_a_batch_with_answers_missing_is_refused():
    (judge,), _ = build_reward_functions(Rewards(weights={"correctness": 1.0}))
    with pytest.raises(ValueError, match="zip"):
        judge(prompts=[], completions=[[{"role": "assistant", "content": "72"}]], answer=[])


def test_the_random_reward_tosses_a_coin_whatever_was_written():
    functions, weights = build_reward_functions(Rewards(weights={"random": 1.0}))
    (toss,) = functions
    random.seed(3)
    tossed = toss(prompts=[], completions=[[{"content": IDEAL}]] * 400, answer=["72"] * 400)
    random.seed(3)
    assert toss(prompts=[], completions=[[{"content": ""}]] * 400, answer=["1"] * 400) == tossed
    assert set(tossed) == {0.0, 1.0}
    assert 160 < sum(tossed) < 240
    assert (toss.__name__, weights) == ("random", [1.0])
