"""Arms are typed as NAME=FILE,FILE, and what was typed wrongly is told."""

import pytest

from tunelab.errors import UserError
from tunelab.logs import arms


def test_arms_are_read_in_the_order_in_which_they_were_typed():
    typed = "tuned=b1/s.jsonl,b2/s.jsonl base=a/s.jsonl tuned=b3/s.jsonl"
    assert arms.split_arms(typed) == {"tuned": ["b1/s.jsonl", "b2/s.jsonl", "b3/s.jsonl"], "base": ["a/s.jsonl"]}


def test_a_blank_in_a_path_is_typed_with_a_backslash():
    assert arms.split_arms(r"a=my\ logs/s.jsonl b=c") == {"a": ["my logs/s.jsonl"], "b": ["c"]}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "FILES names no arm"),
        ("base=a", "FILES names only base"),
        ("base=a base=b", "FILES names only base"),
        ("base=a b.jsonl", "FILES: 'b.jsonl' is no arm. Write NAME=FILE"),
        ("base=a tuned=", "FILES: 'tuned=' is no arm"),
        ("base=a tuned=,", "FILES: 'tuned=,' is no arm"),
        ("base=a ../x=b", "FILES: '../x=b' is no arm"),
    ],
)
def test_what_is_no_arm_is_told(typed, said):
    with pytest.raises(UserError) as refused:
        arms.split_arms(typed)
    assert said in str(refused.value)


def test_patterns_find_files_in_the_order_of_their_names(tmp_path):
    for name in ("s_2.jsonl", "s_1.jsonl", "other.jsonl", "s[1].jsonl"):
        (tmp_path / name).touch()
    assert [path.name for path in arms.find_files("a", [f"{tmp_path}/s_*.jsonl"])] == ["s_1.jsonl", "s_2.jsonl"]
    assert [path.name for path in arms.find_files("a", [f"{tmp_path}/s[1].jsonl"])] == ["s[1].jsonl"]


def test_a_pattern_without_files_and_a_file_given_twice_are_told(tmp_path):
    (tmp_path / "s.jsonl").touch()
    with pytest.raises(UserError, match=r"base=.*/none_\*.jsonl finds no file"):
        arms.find_files("base", [f"{tmp_path}/none_*.jsonl"])
    with pytest.raises(UserError, match=r"base has .*s.jsonl twice"):
        arms.find_files("base", [f"{tmp_path}/s.jsonl", f"{tmp_path}/*.jsonl"])
