"""Worked answers and ways to write their last number: where lm-evaluation-harness and this project say the same."""

import re

import pytest

from tests.unit.gsm8k_harness import extract_flexible, match_strict, strip_ignored
from tunelab.config.specs.sources import GeneratedDataset
from tunelab.data.worked_answers import render_demonstration, split_worked_answer
from tunelab.scoring.scorers import score_maths
from tunelab.sources.generated_table import generate_problems

SPEC = GeneratedDataset(source="generated", rows=40, test_rows=5, largest_number=4000, seed=3)
WORKED = [row["answer"] for row in generate_problems(SPEC, "key")[0]]
WORKED += [
    "He owes 7 - 12 = <<7-12=-5>>-5 dollars.\n#### -5",
    "Each pays $4.50/3 = $<<4.5/3=1.5>>1.50.\n#### 1.5",
    "It is 0 after all, as 8 - 8 = 0.\n#### 0",
    "12,345 + 1 = 12,346 in all.\n#### 12,346",
]
ALIKE = [
    "{}",
    "{}.",
    "${}",
    "-$1{}",
    "{}%",
    "{} dollars",
    "**{}**",
    "\\boxed{{{}}}",
    "$\\boxed{{{}}}$",
    "$${}$$",
    "({})",
]
ALIKE += [
    "x={}",
    "+{}",
    "so,{}",
    "so, {}!",
    "<answer>\n{}\n</answer>",
    "18 - {}",
    "所以，{}",
    "答案是{}。",
    "一共{}个。",
]
ALIKE += ["€{}", "￥{}元", "是——{}", "so—{}", "{} of 18", "about {}-ish", "it is 18, not {}", "{} or none"]
# how the last number is written: whether the harness calls it right, and whether this project does
APART = {
    "{}.00": (False, True),
    "0{}": (False, True),
    "{}...": (False, True),
    "...{}": (False, True),
    "{} m^2": (False, True),
    "{}²": (True, False),
    "1/{}": (True, False),
    "1e{}": (True, False),
    "2^{}": (True, False),
    "–{}": (True, False),
    "−{}": (True, False),
    "负{}": (True, False),
    "minus {}": (True, False),
    "-€{}": (True, False),
    "\\frac{{1}}{{{}}}": (True, False),
}


def judge(completion, gold):
    answer = {"id": "a", "completion": completion, "tokens": 1, "finish": "stop"}
    return score_maths(answer, {"id": "a", "answer": gold})


def decorate(worked, pattern):
    steps, _, written = worked.rpartition("####")
    return steps + pattern.format(written.strip())


def test_the_number_that_strict_match_finds_is_the_gold_number_and_the_demonstrations():
    assert WORKED
    for worked in WORKED:
        steps, gold = split_worked_answer(worked)
        assert match_strict(worked) == strip_ignored(worked) == gold
        assert judge(render_demonstration(steps, gold), match_strict(worked))["strict"]
        assert judge(worked, gold)["flexible"] and extract_flexible(worked) == gold


@pytest.mark.parametrize("pattern", ALIKE)
def test_a_decorated_number_is_judged_alike(pattern):
    for worked in WORKED:
        _, gold = split_worked_answer(worked)
        completion = decorate(worked, pattern)
        for number in {gold, gold.removeprefix("-"), f"-{gold}".replace("--", ""), "18", "3"} - {"-0"}:
            assert judge(completion, number)["flexible"] == (extract_flexible(completion) == number), completion


@pytest.mark.parametrize("pattern", APART)
def test_the_departures_are_those_that_are_listed(pattern):
    for worked in WORKED:
        _, gold = split_worked_answer(worked)
        if re.fullmatch("[1-9][0-9]*", gold) and "," not in worked.rpartition("####")[2]:
            completion = decorate(worked, pattern)
            assert (extract_flexible(completion) == gold, judge(completion, gold)["flexible"]) == APART[pattern]
