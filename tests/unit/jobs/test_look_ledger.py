"""The ledger of looks: what it plans, and what is kept when a look is taken again."""

import pytest

from tests.unit.config.default_config import load
from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.jobs.looks import enter_looks, find_progress, read_ledger
from tunelab.jobs.seed_plan import plan_seeds
from tunelab.records import write_json

LOOKS = {"seeds": [2, 4, 5], "spend": [0.2, 0.3, 0.5]}
CONFIG = """
study: {seeds: [7, 8, 9, 10, 11], looks: {seeds: [2, 4, 5], spend: [0.2, 0.3, 0.5]}}
comparison: {contrasts: [[lora, base], {runs: [grpo, base], tasks: [sums]}]}
"""
PAIRS = (("lora", "base"), ("grpo", "base"))


@pytest.fixture(scope="module")
def config():
    return load(CONFIG)


def look(number, undecided=PAIRS, asked=PAIRS, **changed):
    rows = [{"run": pair[0], "against": pair[1], "task": "sums", "stopped": pair not in undecided} for pair in asked]
    seeds = [7, 8, 9, 10, 11][: LOOKS["seeds"][number - 1]]
    entry = {"number": number, "seeds": seeds, "looks": LOOKS, "contrasts": rows, "taken": "t", "changed": None}
    return entry | changed


def count_seeds(config, *ledger):
    return {run: len(seeds) for run, seeds in plan_seeds(config, list(ledger)).items()}


def test_without_looks_nothing_is_planned_apart(config):
    plain = load("study: {seeds: [1, 2]}")
    assert plan_seeds(plain, []) is None
    assert plain.with_seeds(None).list_seeds("lora") == (1, 2)
    assert "run_seeds" not in plain.with_seeds(None).describe_study()["study"]


def test_before_any_look_all_runs_have_the_seeds_of_the_first(config):
    assert set(count_seeds(config).values()) == {2}
    assert plan_seeds(config, [])["prefix"] == [7, 8]


def test_what_stopped_keeps_its_seeds_and_what_is_behind_the_others_gets_more(config):
    found = count_seeds(config, look(1, [("grpo", "base")]))
    assert found == dict.fromkeys(config.runs, 2) | {"base": 4, "warmstart": 4, "grpo": 4}
    found = count_seeds(config, look(1), look(2, [], PAIRS[:1]))
    assert found["lora"] == 4
    assert found["grpo"] == found["warmstart"] == 5


def test_the_plan_stays_that_of_the_last_look_when_none_is_due(config):
    done = [look(1, PAIRS[:1]), look(2, [], PAIRS[:1])]
    assert count_seeds(config, *done)["lora"] == 4
    assert count_seeds(config, *done)["grpo"] == 2
    assert find_progress(Study(config.describe_study()), done).due is None
    never = [look(1), look(2), look(3)]
    assert count_seeds(config, *never)["lora"] == count_seeds(config, *never)["warmstart"] == 5
    assert find_progress(Study(config.describe_study()), never).due is None


def test_a_contrast_that_was_added_after_a_look_takes_part_in_the_next(config):
    assert count_seeds(config, look(1, [], PAIRS[:1]))["grpo"] == 4


@pytest.mark.parametrize(
    "other", [{"looks": None, "number": None}, {"seeds": [1, 2]}, {"looks": LOOKS | {"spend": [1]}}]
)
def test_looks_at_other_seeds_or_declared_otherwise_do_not_count(config, other):
    assert set(count_seeds(config, look(1, []) | other).values()) == {2}


def test_the_planned_seeds_are_those_of_all_that_describes_the_study(config):
    study = Study(config.with_seeds(plan_seeds(config, [look(1, [("grpo", "base")])])).describe_study())
    assert study.list_seeds("lora") == [7, 8]
    assert study.list_seeds("grpo") == [7, 8, 9, 10]
    assert study.list_seeds("base") == [0]
    assert study.list_common_seeds(["lora", "grpo", "base"]) == [7, 8]
    assert study.seeds == [7, 8, 9, 10]
    assert study.seed_counts == (2, 4)


def test_answers_are_drawn_with_the_seeds_of_those_that_learn_from_them():
    config = load(
        "study: {runs: [base, warmstart, rft], tasks: [sums], seeds: [1, 2, 3]}\n"
        "samples: {first: {run: warmstart, dataset: sums}}\nnoise: null\n"
        "runs: {rft: {label: RFT, method: sft, model: smollm2, init_from: warmstart, samples: first, training: {}}}\n"
        "comparison: {contrasts: [[rft, base]]}",
        "study: {looks: {seeds: [2, 3], spend: [0.5, 0.5]}}",
    )
    planned = config.with_seeds(plan_seeds(config, []))
    assert planned.describe_study()["samples"]["first"]["seeds"] == [1, 2]


def test_a_look_that_is_taken_again_keeps_its_first_time_and_says_that_its_numbers_changed(tmp_path):
    first = {name: value for name, value in look(1).items() if name not in ("taken", "changed")}
    enter_looks(tmp_path, [first])
    (entered,) = read_ledger(tmp_path)
    assert entered["changed"] is None
    write_json(tmp_path / "looks.json", [entered | {"taken": "long ago"}])
    enter_looks(tmp_path, [first])
    assert read_ledger(tmp_path) == [entered | {"taken": "long ago"}]
    other = first | {"contrasts": first["contrasts"][:1]}
    enter_looks(tmp_path, [other, first | {"number": 2}])
    again, second = read_ledger(tmp_path)
    assert again["taken"] == "long ago"
    assert again["changed"]
    assert again["contrasts"] == other["contrasts"]
    assert second["number"] == 2


@pytest.mark.parametrize("text", ["[1", "{}", "[{}]", "[1]"])
def test_a_file_that_is_no_ledger_is_refused(tmp_path, text):
    (tmp_path / "looks.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"looks\.json is no ledger of looks; take it from a backup"):
        read_ledger(tmp_path)


def test_nothing_is_written_where_nothing_was_looked_at(tmp_path):
    enter_looks(tmp_path, [])
    assert not (tmp_path / "looks.json").exists()
    assert read_ledger(tmp_path) == []
