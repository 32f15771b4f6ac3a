"""Changes between facts are described in words."""

import pytest

from tunelab.upkeep.planning import describe_changes, read_params, render_value


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("a.r = 8", "a.r = 16", "a.r: 8 → 16"),
        ("a.rate = 5e-05", "a.rate = 0.0002", "a.rate: 5e-05 → 0.0002"),
        ("a.x = None", "a.x = True", "a.x: null → true"),
        ("a.x = 'all-linear'", "a.x = ['q_proj', 'v_proj']", 'a.x: "all-linear" → ["q_proj", "v_proj"]'),
        ("a.x = inf", "a.x = 2.0", "a.x: inf → 2.0"),
        ("a.x = 'b = c'", "a.x = 'b = d'", 'a.x: "b = c" → "b = d"'),
        ("package trl = 1.16.0", "package trl = 1.17.0", "package trl: 1.16.0 → 1.17.0"),
        (
            "code tunelab/training/sft.py = 34ff815be161",
            "code tunelab/training/sft.py = 000000000000",
            "tunelab/training/sft.py was edited",
        ),
        ("a.system = 'Wörter'", "a.system = 'Worte'", 'a.system: "Wörter" → "Worte"'),
    ],
)
def test_a_changed_fact_is_told_with_old_and_new(before, now, said):
    assert describe_changes([before, "same = 1"], ["same = 1", now]) == [said]


def test_equal_facts_in_another_order_are_no_change():
    assert describe_changes(["a = 1", "b = 2", ""], ["b = 2", "a = 1"]) == []


def test_settings_come_before_packages_and_packages_before_code():
    before = ["code x.py = 1", "package trl = 1", "z = 1", "b = 1"]
    now = ["code x.py = 2", "package trl = 2", "z = 2", "b = 2"]
    assert describe_changes(before, now) == ["b: 1 → 2", "z: 1 → 2", "package trl: 1 → 2", "x.py was edited"]


def test_a_setting_that_came_or_went_is_named():
    assert describe_changes(["runs.a.x = 1"], ["runs.a.y = 2"]) == ["runs.a.y: not set → 2", "runs.a.x: 1 → not set"]


def test_a_package_that_came_or_went_is_named():
    assert describe_changes([], ["package bitsandbytes = 0.50.2"]) == ["package bitsandbytes: none → 0.50.2"]


def test_a_whole_section_that_came_is_one_sentence():
    now = [f"runs.new.training.x{number} = {number}" for number in range(4)] + ["runs.old.y = 1"]
    assert describe_changes([], now) == ["runs.new: 4 new settings", "runs.old.y: not set → 1"]


def test_a_whole_section_that_went_is_one_sentence():
    before = [f"runs.old.training.x{number} = {number}" for number in range(30)]
    assert describe_changes(before, []) == ["runs.old: 30 settings gone"]


def test_many_edited_files_are_one_sentence():
    before, now = ([f"code tunelab/{name}.py = {value}" for name in "abcde"] for value in (1, 2))
    assert describe_changes(before, now) == ["tunelab/a.py, tunelab/b.py, tunelab/c.py and 2 more were edited"]
    assert describe_changes(before[:2], now[:2]) == ["tunelab/a.py, tunelab/b.py were edited"]


def test_long_values_are_cut_and_long_texts_that_look_alike_when_cut_are_just_called_edited():
    assert render_value(repr("x" * 60)) == '"' + "x" * 36 + "..."
    assert len(render_value(repr(list(range(100))))) == 40
    before, now = (f"a.system = {('w' * 50 + end)!r}" for end in "ab")
    assert describe_changes([before], [now]) == ["a.system was edited"]


def test_recorded_params_are_read_and_what_is_no_text_is_left_out():
    assert read_params(["'a = 1'", "\"b = 'x'\"", "8", "''"]) == ["a = 1", "b = 'x'", ""]
