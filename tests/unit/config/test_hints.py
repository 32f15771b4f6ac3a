"""What is told to people who write what another program would take: every line of the list leads to something here."""

import pytest

from tests.unit.config.default_config import DEFAULT, load, merge
from tunelab.config.hints import ANY, SECTIONS, add_hints, find_home, find_pattern, load_hints
from tunelab.config.loading import check_config
from tunelab.config.module_checks import check_targets
from tunelab.errors import UserError

HINTS = load_hints()
# a place for each section of the list, in the default study
PLACES = {
    "": {},
    "study": {"study": {}},
    "models.*": {"models": {"new": {}}},
    "datasets.*": {"datasets": {"new": {}}},
    "datasets.*.fetch": {"datasets": {"new": {"fetch": {}}}},
    "datasets.*.prepare": {"datasets": {"new": {"prepare": {}}}},
    "runs.*": {"runs": {"new": {}}},
    "runs.*.adapter": {"runs": {"new": {"adapter": {"peft_type": "LORA"}, "method": "sft"}}},
    "runs.*.training": {"runs": {"new": {"training": {}, "method": "sft"}}},
    "tasks.*": {"tasks": {"new": {}}},
    "tasks.*.generation": {"tasks": {"new": {"generation": {}}}},
}


def put(section, key, value):
    """Return an overlay that has a key in a section, and the key's path."""
    parts = ["new" if part == ANY else part for part in section.split(".") if part]
    raw = merge({**PLACES[section]})
    node = raw
    for part in parts:
        node = node[part]
    node[key] = value
    return raw, (*parts, key)


@pytest.mark.parametrize("section", HINTS["keys"])
def test_every_key_of_the_list_is_none_here_and_is_answered_once(section):
    for key, hint in HINTS["keys"][section].items():
        raw, path = put(section, key, "mine")
        found, _, _ = check_config(raw)
        assert [problem for problem in found if problem.path == path], f"{key} is a key of {section or 'the config'}"
        told = add_hints(found, raw)
        (sentence,) = [problem.text for problem in told if problem.path == path]
        assert sentence == hint["text"].replace("{value}", "mine")
        meant = {hint["for"]} if isinstance(hint.get("for"), str) else set(hint.get("for", ()))
        missing = {
            problem.path[-1] for problem in told if problem.path[:-1] == path[:-1] and "required" in problem.text
        }
        assert not meant & missing


@pytest.mark.parametrize("place", HINTS["values"])
def test_every_word_of_the_list_is_none_here(place):
    *section, field = (place if "." in place else "study.precision").split(".")
    known = {"runs.*.adapter": {"method": "sft"}}.get(".".join(section), {})
    for word, hint in HINTS["values"][place].items():
        raw, path = put(".".join(section), field, word)
        for name, value in known.items():
            raw["runs"]["new"][name] = value
        texts = [problem.text for problem in add_hints(check_config(raw)[0], raw) if problem.path == path]
        assert texts == [f"'{word}' {hint}"]


def test_a_key_is_sent_to_the_nearest_part_that_has_it():
    run = {"method": "grpo", "adapter": {"peft_type": "PREFIX_TUNING"}}
    raw = {"runs": {"a": run}}
    assert find_home(("runs", "a", "beta"), raw) == (("runs", "a", "training"), "beta")
    assert find_home(("runs", "a", "num_virtual_tokens"), raw) == (("runs", "a", "adapter"), "num_virtual_tokens")
    assert find_home(("runs", "a", "training", "batch"), raw) is None
    assert find_home(("datasets", "d", "format"), raw) == (("datasets", "d", "prepare"), "format")
    assert find_home(("datasets", "d", "fetch", "seed"), raw) is None, "it is at home here"
    assert find_home(("lr",), raw) == (("runs", ANY, "training"), "learning_rate")
    assert find_home(("dataset",), raw) is None, "runs and tasks are as near"
    assert find_home(("endpoint",), raw) == (("hub",), "endpoint")
    assert find_pattern(("comparison", "contrasts", 0)) == ("comparison", "contrasts", ANY)
    assert {pattern[0] for pattern in SECTIONS} <= {*DEFAULT, "hub", "samples"}


def test_what_a_hint_tells_to_write_is_right():
    written = "models: {q: {source: hub, repo_id: org/q, revision: main}}\nruns: {lora: {model: q}}"
    assert load(written).runs["lora"].model == "q"
    rows = "{fetch: {source: local, files: [my.jsonl]}, prepare: {format: question_answer}}"
    assert load(f"datasets: {{my: {rows}}}\nruns: {{lora: {{dataset: my}}}}").runs["lora"].dataset == "my"
    with pytest.raises(UserError) as caught:
        load("runs: {lora: {dataset: data/My rows.jsonl.gz}}")
    assert "write datasets: {my-rows: {fetch: {source: local, files: [data/My rows.jsonl.gz]}" in str(caught.value)
    assert "and name that here, dataset: my-rows" in str(caught.value)


def test_the_end_of_a_modules_name_is_no_pattern_and_is_told_as_a_list():
    parts = dict.fromkeys(("window", "routed", "tied"), None) | {
        **{"model_type": "llama", "head": "lm_head", "embedding": "model.embed", "vocabulary": 9, "layers": 1},
        **{"modules": ["model.layers.0.q_proj"], "parameters": []},
    }
    found = check_targets("lora", {"peft_type": "LORA", "target_modules": "q_proj"}, {}, parts)
    assert next(iter(found)).text == (
        "is a pattern for whole names (got 'q_proj'); for the end of names write [q_proj]"
    )
