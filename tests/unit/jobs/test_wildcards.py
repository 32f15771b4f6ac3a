import random
import re
from itertools import product

import pytest

from tunelab.jobs.wildcards import match_names

SETS = {
    "one": {"lora"},
    "one within another": {"lora", "lora-2", "lora_2b", "l"},
    "several": {"base", "lora", "prefix", "warmstart"},
    "of signs": {"a-b", "a_b", "a.b", "a+b"},
    "numbered": {f"lora{number}" for number in range(1000)} - {"lora17", "lora400"},
    "drawn": {"".join(random.Random(place).choices("ab-1", k=1 + place % 5)) for place in range(60)},
}


@pytest.mark.parametrize("kind", SETS)
def test_exactly_the_names_are_matched(kind):
    names = SETS[kind]
    found = re.compile(match_names(sorted(names)))
    others = {
        "",
        "lora17",
        "lora1000",
        "Lora",
        "a",
        "a*b",
        "base/lora",
        *map("".join, product("ab-1", repeat=3)),
    } - names
    assert {name for name in names | others if found.fullmatch(name)} == names


def test_nothing_is_matched_without_names():
    assert not re.search(match_names([]), "anything")


def test_many_names_make_a_short_expression():
    assert len(match_names([f"lora{number}" for number in range(1000)])) < 60
