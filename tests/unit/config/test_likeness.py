"""An entry that is like another one: what it takes over, when, and what is told of mistakes."""

import copy

import pytest

from tests.unit.config.default_config import DEFAULT, lay, load, merge
from tests.unit.config.test_config_errors import JUNK, list_problems
from tunelab.config.likeness import fill_in
from tunelab.config.selection import settle_selection
from tunelab.errors import UserError
from tunelab.jobs.provenance import flatten
from tunelab.jobs.slices import Slices

LORA64 = "runs: {lora64: {like: lora, label: LoRA r64, adapter: {r: 64}}}"
LORA = DEFAULT["runs"]["lora"]


def fill_runs(**runs):
    return fill_in({"runs": runs})["runs"]


def list_told(*overlays):
    """List the problems of overlays as those are told who wrote them."""
    merged, layers = lay(*overlays)
    return list_problems(settle_selection(merged, layers), typed=merged)


@pytest.mark.parametrize(
    ("other", "own", "filled"),
    [
        ({"label": "A", "model": "m"}, {"label": "B"}, {"model": "m", "label": "B"}),
        ({"label": "A", "model": "m"}, {}, {"model": "m"}),
        ({"model": "m"}, {"model": "n"}, {"model": "n"}),
        ({"adapter": {"r": 16, "bias": "none"}}, {"adapter": {"r": 64}}, {"adapter": {"r": 64, "bias": "none"}}),
        # a field of a section is given whole
        ({"rewards": {"weights": {"a": 1}}}, {"rewards": {"weights": {"b": 1}}}, {"rewards": {"weights": {"b": 1}}}),
        ({"rewards": {"weights": {"a": 1}}}, {"rewards": {}}, {"rewards": {"weights": {"a": 1}}}),
        ({"adapter": {"r": 16}}, {"adapter": None}, {"adapter": None}),
        ({"adapter": {"r": 16}}, {"adapter": {"r": None}}, {"adapter": {"r": None}}),
        ({"adapter": None}, {"adapter": {"r": 64}}, {"adapter": {"r": 64}}),
        ({}, {"adapter": {"r": 64}}, {"adapter": {"r": 64}}),
    ],
)
def test_an_entry_has_the_fields_of_the_other_but_for_its_own(other, own, filled):
    assert fill_runs(a=other, b={"like": "a", **own}) == {"a": other, "b": filled}


def test_entries_are_filled_in_whatever_their_order():
    runs = {
        "d": {"like": "c", "z": 5},
        "b": {"like": "a", "y": {"p": 3}},
        "c": {"like": "b", "x": 4},
        "a": {"x": 1, "y": {"p": 2, "q": 2}},
    }
    filled = fill_runs(**runs)
    assert list(filled) == list(runs)
    assert filled["c"] == {"x": 4, "y": {"p": 3, "q": 2}}
    assert filled["d"] == {"x": 4, "y": {"p": 3, "q": 2}, "z": 5}


def test_a_chain_may_be_long():
    runs = {f"r{number}": {"like": f"r{number + 1}"} for number in range(3000)} | {"r3000": {"x": 1}}
    assert fill_runs(**runs)["r0"] == {"x": 1}


def test_what_is_filled_in_shares_nothing_with_what_was_typed():
    typed = {"runs": {"a": {"x": {"y": [1]}}, "b": {"like": "a", "z": {"y": [2]}}}}
    before = copy.deepcopy(typed)
    filled = fill_in(typed)["runs"]["b"]
    filled["x"]["y"].append(3)
    filled["z"]["y"].append(3)
    assert typed == before


def test_an_overlay_that_changes_the_other_one_changes_what_is_like_it():
    config = load(LORA64, "runs: {lora: {adapter: {lora_alpha: 8}, training: {max_steps: 45}}}")
    run = config.runs["lora64"]
    assert (run.adapter["r"], run.adapter["lora_alpha"], run.training["max_steps"]) == (64, 8, 45)
    assert config.runs["lora"].adapter["r"] == 16


def test_an_overlay_may_change_what_an_entry_gives_and_what_it_is_like():
    config = load(LORA64, "runs: {lora64: {like: warmstart, adapter: {r: 32}}}")
    assert (config.runs["lora64"].dataset, config.runs["lora64"].adapter["r"]) == ("sums", 32)


def test_tasks_and_data_sets_are_filled_in_too():
    overlay = """
    tasks: {short: {like: sums, label: Short sums, generation: {max_new_tokens: 8}, dataset: small}}
    datasets: {small: {like: sums, fetch: {rows: 300}, prepare: {columns: {question: q}, test: 100}}}
    """
    config = load(overlay)
    task, sums = config.tasks["short"], config.tasks["sums"]
    assert task == sums.model_copy(
        update={
            **{"label": "Short sums", "dataset": "small"},
            "generation": sums.generation.model_copy(update={"max_new_tokens": 8}),
        }
    )
    fetch, prepare = config.datasets["sums"].fetch, config.datasets["sums"].prepare
    assert config.datasets["small"].fetch == fetch.model_copy(update={"rows": 300})
    assert config.datasets["small"].prepare == prepare.model_copy(update={"columns": {"question": "q"}, "test": 100})


def test_a_run_written_out_has_the_facts_of_the_same_run_written_by_likeness():
    whole = {"lora64": LORA | {"label": "LoRA r64", "adapter": LORA["adapter"] | {"r": 64}}}
    short, long = load(LORA64), load({"runs": whole})
    assert short == long
    assert [(path, repr(value)) for path, value in flatten("config", short)] == [
        (path, repr(value)) for path, value in flatten("config", long)
    ]
    facts = [list(flatten("runs.lora64", Slices(config).run("lora64"))) for config in (short, long)]
    assert facts[0] == facts[1]
    assert ("runs.lora64.adapter.r", 64) in facts[0]


def test_an_entry_stays_when_what_it_is_like_falls_away():
    overlay = """
    study: {runs: [base, mine], tasks: [sums]}
    models: {tiny: {source: random, architecture: {model_type: llama}}}
    runs: {base: {model: tiny}, warmstart: {model: tiny}, mine: {like: grpo, label: Mine, model: tiny}}
    """
    config = load(overlay)
    assert "grpo" not in config.runs  # its start is on another model now
    assert config.runs["mine"].rewards.weights == DEFAULT["runs"]["grpo"]["rewards"]["weights"]


def test_what_a_selected_entry_starts_from_is_found_through_the_other_one():
    overlay = "{study: {runs: [mine]}, models: {tiny: {source: random, architecture: {model_type: llama}}}, "
    told = list_told(overlay + "runs: {warmstart: {model: tiny}, mine: {like: grpo, label: Mine}}}")
    assert told and all(line.startswith("runs.mine.") for line in told)


def test_what_is_wrong_with_likeness_is_told_of_the_entry_whose_fault_it_is_whatever_is_selected():
    below = "runs: {mine: {like: other, label: Mine}, other: {like: lorra, label: Other}, more: {like: 3}}"
    assert list_told(below, "study: {runs: [base, mine]}") == [
        "runs.other.like: there is no run 'lorra' (did you mean lora?)",
        "runs.more.like: must be the name of another run (got 3)",
    ]
    assert list_told("runs: {mine: {like: other}, other: 3}", "{study: {runs: [base, mine]}}") == [
        "runs.other: must be a mapping (got 3)"
    ]


def test_a_mistake_is_told_once_of_the_entry_that_it_stands_in():
    wrong = "lora: {model: smolm2, adapter: {rr: 1}}"
    told = [
        "runs.lora.model: there is no model 'smolm2' (did you mean smollm2?)",
        "runs.lora.adapter.rr: is not a field of LORA (did you mean r?)",
    ]
    assert list_told(f"runs: {{{wrong}, a: {{like: lora, label: A}}, b: {{like: a, label: B}}}}") == told
    # unless the entry gives the field itself
    assert list_told(f"runs: {{{wrong}, a: {{like: lora, label: A, adapter: {{rr: 1}}}}}}") == [
        *told,
        "runs.a.adapter.rr: is not a field of LORA (did you mean r?)",
    ]


def test_a_contradiction_between_own_and_taken_fields_is_told_of_the_entry():
    assert list_told("runs: {mine: {like: lora, label: Mine, training: {eval_strategy: 'no'}}}") == list_told(
        {"runs": {"mine": LORA | {"label": "Mine", "training": LORA["training"] | {"eval_strategy": "no"}}}}
    )


def test_a_lacking_label_is_told_of_each_entry():
    assert list_told("runs: {lora: {label: }, a: {like: lora}, b: {like: a}}") == [
        "runs.lora.label: must be text (got null). What the report shows; not blank.",
        "runs.a.label: is required. What the report shows; not blank.",
        "runs.b.label: is required. What the report shows; not blank.",
    ]


@pytest.mark.parametrize("table", ["runs", "tasks", "datasets"])
@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_whatever_stands_where_a_name_or_an_entry_should_is_a_sentence(table, junk):
    entries = {"a": {"like": junk, "label": "A"}, "b": {"like": "a", "label": "B"}, "c": junk, "d": {"like": "c"}}
    chosen = {"runs": ["base", "a"]} if table == "runs" else {}
    for overlays in ([{table: entries, "study": chosen}], [{table: entries}, {"study": {"runs": ["base"]}}]):
        assert list_told(*overlays)
    with pytest.raises(UserError):
        load({table: junk, "runs": {"a": {"like": "lora"}}})


def test_no_like_is_left_in_what_is_frozen():
    filled = merge(LORA64)["runs"]["lora64"]
    assert filled == LORA | {"label": "LoRA r64", "adapter": LORA["adapter"] | {"r": 64}}
