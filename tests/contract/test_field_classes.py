"""Every field of the pinned libraries has exactly one class, so that an upgrade's new field cannot slip through."""

import ast
import inspect
import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import trl

from tunelab.config.arguments import load_arguments
from tunelab.config.fields import FILE, find_field, load_classes, load_unsupported
from tunelab.config.method_checks import LOSSES
from tunelab.config.methods import METHODS, PREFERENCES, REWARDED

TABLE = tomllib.loads(FILE.read_text(encoding="utf-8"))
README = Path(__file__).parents[2] / "config/README.md"
CLASSES = [name for name in load_arguments() if name not in load_unsupported()]
# tables that several classes share
SHARED = {
    "trainers": [method.config for method in METHODS.values()],
    "sampling": [METHODS[name].config for name in REWARDED],
}
SHARED["preferences"] = [METHODS[name].config for name in PREFERENCES]
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
            assert {find_field(field) for kind in table.keys() - {"called"} for field in table[kind]} <= known, name


def list_demands(class_name):
    """List (field, setting that reads it, what that must be); settings that the class has not are off in it."""
    for field, ways in load_classes(class_name).needs.items():
        for way in ways if isinstance(ways, list) else [ways]:
            yield from ((field, setting, demand) for setting, demand in way.items())


@pytest.mark.parametrize("class_name", CLASSES)
def test_what_reads_a_field_is_a_setting_or_one_of_its_words(class_name):
    known, classes = load_arguments()[class_name], load_classes(class_name)
    for field, setting, demand in list_demands(class_name):
        assert find_field(field) in classes.passed, field
        if find_field(setting) not in known:
            assert demand is False, field
        elif demand not in (True, False) and setting in known:
            words = {*known[setting].get("choices", ()), *TABLE["packages"].get(setting, ()), "all"}
            words |= set(LOSSES) if class_name == "DPOConfig" and setting == "loss_type" else set()
            for word in demand if isinstance(demand, list) else [demand]:
                assert any(fnmatchcase(each, word) for each in words), (field, word)


def test_a_second_name_stands_for_a_field_of_the_same_values():
    for class_name in SHARED["trainers"]:
        classes, known = load_classes(class_name), load_arguments()[class_name]
        for second, name in classes.same.items():
            assert {second, name} <= classes.passed
            assert set(known[second]["types"]) - {"null"} == set(known[name]["types"]) - {"null"}


def list_announced(class_name):
    """Return the values, and the fields, of which a class's own warnings say that TRL 2.0 takes them away."""
    classes = getattr(trl, class_name), getattr(trl, class_name.replace("Config", "Trainer"))
    nodes = [node for source in map(inspect.getsource, classes) for node in ast.walk(ast.parse(source))]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    sentences = [sentence for text in texts for sentence in re.split(r"\.\s", text) if "removed in v2.0.0" in sentence]
    quoted = {word for sentence in sentences for word in re.findall(r"[`'\"]+([\w-]+)", sentence)}
    known = load_arguments()[class_name]
    values = {f"{name}: {word}" for name, field in known.items() for word in field.get("choices", ()) if word in quoted}
    return values, quoted & set(known)


@pytest.mark.parametrize("class_name", SHARED["trainers"])
def test_what_a_library_takes_away_is_marked_or_refused(class_name):
    classes, known = load_classes(class_name), load_arguments()[class_name]
    marked = set(classes.going)
    values, fields = list_announced(class_name)
    assert fields - set(classes.refused) <= marked | {find_field(value) for value in values}
    assert {name for name in marked if classes.going[name].startswith("TRL") and name in known} <= fields
    assert {name for name in marked if ": " in name} <= values
    assert {find_field(name) for name in marked} <= classes.passed


def test_the_documents_name_what_the_libraries_take_away():
    text = README.read_text(encoding="utf-8")
    for class_name in SHARED["trainers"]:
        for name, then in load_classes(class_name).going.items():
            version, _, instead = then.partition(": ")
            assert f"| `{name}` | {version} | {instead} |" in text, name


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
