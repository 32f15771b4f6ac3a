"""Every field of the pinned libraries has exactly one class, so that an upgrade's new field cannot slip through."""

import re
import tomllib

import pytest

from tunelab.config.arguments import load_arguments
from tunelab.config.field_classes import FILE, TRAINERS, load_classes, load_unsupported
from tunelab.config.specs.training import PREFERENCES, SAMPLING

TABLE = tomllib.loads(FILE.read_text(encoding="utf-8"))
CLASSES = [name for name in load_arguments() if name not in load_unsupported()]
# tables that several classes share
SHARED = {"trainers": [*TRAINERS.values()], "sampling": [TRAINERS[method] for method in SAMPLING]}
SHARED["preferences"] = [TRAINERS[method] for method in PREFERENCES]
SHARED |= {"adapters": [name for name in CLASSES if name.isupper()]}


@pytest.mark.parametrize("class_name", CLASSES)
def test_every_field_is_passed_or_set_or_refused(class_name):
    classes = load_classes(class_name)
    found = [*classes.passed, *classes.set, *classes.refused]
    assert sorted(found) == sorted(load_arguments()[class_name])


def test_the_table_names_no_class_and_no_field_that_the_libraries_have_not():
    named = set(TABLE) - {*SHARED, "unsupported", "packages"}
    assert named <= set(CLASSES)
    assert set(load_unsupported()) <= set(load_arguments())
    for name, table in TABLE.items():
        if name in named or name in SHARED:
            known = {field for one in SHARED.get(name, [name]) for field in load_arguments()[one]}
            assert {field for kind in table.keys() - {"called"} for field in table[kind]} <= known, name


def test_what_a_field_needs_is_a_field_or_one_of_its_values():
    for class_name in CLASSES:
        classes, known = load_classes(class_name), load_arguments()[class_name]
        for field, need in classes.needs.items():
            switch, _, value = need.partition(": ")
            assert {field, switch} <= classes.passed, field
            allowed = {*known[switch].get("choices", ()), *TABLE["packages"].get(switch, ())}
            assert not value or value in allowed, field


def test_another_name_stands_for_a_field_or_is_followed_by_what_to_do():
    for name in SHARED:
        known = {field for one in SHARED[name] for field in load_arguments()[one]}
        for other, meant in TABLE[name].get("called", {}).items():
            assert meant in known or " " in meant, other


def test_a_value_that_is_refused_is_one_that_the_field_takes():
    for class_name in CLASSES:
        classes = load_classes(class_name)
        for field, values in classes.never.items():
            known = load_arguments()[class_name][field]
            assert field in classes.passed
            assert set(values) <= {*known.get("choices", ()), *(["true", "false"] if "bool" in known["types"] else [])}


def test_packages_are_listed_for_values_that_the_libraries_take():
    fields = {name: field for known in load_arguments().values() for name, field in known.items()}
    for name, modules in TABLE["packages"].items():
        assert set(modules) <= {*fields[name].get("choices", modules), *(["true"] * ("bool" in fields[name]["types"]))}


def test_every_sentence_says_why_or_where_and_is_no_sentence_of_its_own():
    listed = [load_unsupported(), *(kind for name in CLASSES for kind in load_classes(name)[1:3])]
    for text in {text for kind in listed for text in kind.values()}:
        assert re.fullmatch(r"[A-Za-z].*[^.]", text), text


def test_a_field_without_a_class_is_found(monkeypatch):
    known = load_arguments()
    monkeypatch.setitem(known, "LORA", known["LORA"] | {"brand_new": {"types": ["int"]}})
    with pytest.raises(AssertionError):
        test_every_field_is_passed_or_set_or_refused("LORA")
