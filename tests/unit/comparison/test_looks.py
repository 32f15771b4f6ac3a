"""Looks at contrasts while seeds are added: when each is decided, and by which numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tunelab.comparison import estimates, looks
from tunelab.comparison.bootstrap import Crossed, Measured, Parts, evaluate_seeds
from tunelab.comparison.deciding import find_both, find_least, list_parts
from tunelab.comparison.looks import Rules, follow_looks, list_entries, list_seen
from tunelab.comparison.result_rows import Simulated
from tunelab.comparison.verdicts import Contrast, compare_runs, find_detectable
from tunelab.config.study import Study
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_json
from tunelab.reporting import tables
from tunelab.upkeep.look_simulation import RATIOS, simulate_cell

SPEND = (0.2, 0.3, 0.5)
FIRST, SECOND = ("sums", "strict"), ("sums", "loss")
RULES = Rules({FIRST: "higher", SECOND: "lower"}, {FIRST})
SIMULATED = {"seeds": [2, 4], "contrasts": 4, "grid": []}


def found(p, p_equivalence=1.0, value=0.1):
    return Contrast(value, value, value, 9, 2, "crossed", p, p_equivalence, None, None, 0.5)


def follow(planted, spend=SPEND, first_only=True):
    """Follow looks at contrasts whose p at each look is planted: {pair: [p, …]}."""

    def test(pair, number):
        if number > len(planted[pair]):
            return None
        told = planted[pair][number - 1]
        told = told if isinstance(told, tuple) else (told,)
        return {FIRST: found(*told)} | ({} if first_only else {SECOND: found(0.0001)})

    return follow_looks(list(planted), spend, test, RULES)


def tell(course):
    return {pair[0]: (row.number, row.verdict) for (pair, place), row in course.outcomes.items() if place == FIRST}


def test_contrasts_are_decided_at_the_first_look_at_the_second_or_never():
    # Holm's correction takes three times the smallest p, twice the next
    planted = {("a", "x"): [0.003], ("b", "x"): [0.01, 0.007], ("c", "x"): [0.5, 0.5, 0.03]}
    course = follow(planted)
    assert tell(course) == {"a": (1, "better"), "b": (2, "better"), "c": (3, "undecided")}
    assert course.taken == 3
    assert course.left == [("c", "x")]
    p = {pair[0]: row.p for (pair, _), row in course.outcomes.items()}
    assert p == pytest.approx({"a": 0.003 / 0.2, "b": 0.007 / 0.3, "c": 0.03 / 0.5})
    tested = [(row.pair[0], row.number, row.stopped) for row in course.tested]
    assert tested == [
        *[("a", 1, True), ("b", 1, False), ("c", 1, False)],
        *[("b", 2, True), ("c", 2, False)],
        ("c", 3, False),
    ]


def test_the_p_of_all_looks_is_the_smallest_even_if_a_later_one_is_larger():
    course = follow({("a", "x"): [0.012, 0.9, 0.9]})
    (row,) = course.outcomes.values()
    assert (row.number, row.verdict) == (3, "undecided")
    assert row.p == pytest.approx(0.06)


def test_equivalence_ends_a_contrast_too():
    assert tell(follow({("a", "x"): [(0.9, 0.2), (0.9, 0.014)]})) == {"a": (2, "equivalent")}


def test_a_direction_is_that_of_the_look_that_decided():
    assert tell(follow({("a", "x"): [(0.001, 1.0, -0.2)]})) == {"a": (1, "worse")}


def test_a_look_is_taken_by_all_that_are_undecided_or_not_at_all():
    course = follow({("a", "x"): [0.5, 0.5], ("b", "x"): [0.5]})
    assert course.taken == 1
    assert tell(course) == {"a": (1, "undecided"), "b": (1, "undecided")}


def test_other_metrics_do_not_keep_a_contrast_from_stopping_nor_does_their_verdict_stop_it():
    course = follow({("a", "x"): [0.5, 0.001]}, first_only=False)
    rows = {place: row for (_, place), row in course.outcomes.items()}
    assert (rows[SECOND].number, rows[SECOND].verdict) == (1, "worse")
    assert (rows[FIRST].number, rows[FIRST].verdict) == (2, "better")


def test_one_look_at_the_end_that_may_spend_all_is_the_ordinary_test():
    course = follow({("a", "x"): [0.02], ("b", "x"): [0.04]}, (1,))
    assert [row.corrected[0] for row in course.outcomes.values()] == pytest.approx([0.04, 0.04])


def measure(rng, seeds, effect):
    values = rng.normal(size=(1, 60)) + effect + rng.normal(size=(seeds, 1)) / 10 + rng.normal(size=(seeds, 60)) / 5
    return Measured(values, np.ones(values.shape))


def test_an_interval_of_higher_confidence_holds_the_usual_one():
    rng = np.random.default_rng(3)
    sides = measure(rng, 3, 0.5), measure(rng, 3, 0)
    usual, wide = (compare_runs(*sides, 0.1, False, confidence=level) for level in (0.95, 0.99))
    assert wide.low < usual.low < usual.value < usual.high < wide.high
    assert (
        usual.value == wide.value == pytest.approx(float(np.mean(evaluate_seeds(sides[0]) - evaluate_seeds(sides[1]))))
    )


# --- a whole study


def build(root, planned, **declared):
    """Write a study with four seeds, of which each run has as many as planned; the ledger is empty."""
    spec = build_study(("base", "lora", "prefix"), (1, 2, 3, 4))
    spec["study"] |= {"looks": {"seeds": [2, 4], "spend": [0.4, 0.6]}} | declared
    if not (root / "runs").exists():
        write_results(root, spec, rows=12)
    if planned:
        spec["study"]["run_seeds"] = {run: [1, 2, 3, 4][:count] for run, count in planned.items()}
    return StudyFolder(root, spec)


def compare(study, ledger=()):
    return estimates.build_results(study, tables.load_trainings(study), [], [], {"grid": []}, SIMULATED, ledger)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("looks")
    build(folder, {})
    return folder


@pytest.fixture(scope="module")
def first(root):
    return compare(build(root, {"base": 2, "lora": 2, "prefix": 2}))


def date(study, results):
    return [entry | {"taken": "t", "changed": None} for entry in list_entries(study, results)]


def test_the_first_look_has_the_first_seeds_and_its_intervals_their_level(first):
    (look,) = first.looks.taken
    assert (look.number, look.seeds, look.confidence, look.changed) == (1, [1, 2], pytest.approx(0.98), False)
    assert first.looks.due == 2
    declared = [row for row in first.contrasts if row.declared]
    assert {(row.look, round(row.confidence, 9), row.seeds) for row in declared} == {(1, 0.98, 2)}
    assert {(row.run, row.against) for row in declared} == {("lora", "base"), ("prefix", "base"), ("lora", "prefix")}
    assert first.seen == []


def test_exploratory_pairs_are_tested_as_ever(root):
    study = build(root, {"base": 2, "lora": 2, "prefix": 2})
    study.spec["comparison"]["contrasts"] = [["lora", "base"]]
    rows = [row for row in compare(study).contrasts if row.run == "prefix"]
    assert {(row.declared, row.look, row.confidence) for row in rows} == {(False, None, 0.95)}


def test_runs_with_other_numbers_of_seeds_are_compared_on_those_of_both(root):
    results = compare(build(root, {"base": 4, "lora": 4, "prefix": 2}))
    rows = {(row.run, row.against): row.seeds for row in results.contrasts if row.task == "support" and row.primary}
    assert rows == {("lora", "base"): 2, ("prefix", "base"): 2, ("lora", "prefix"): 2}
    assert results.looks.due == 2  # prefix has not the seeds of the second look
    seeds = {row.run: row.seeds for row in results.estimates if row.seed is None}
    assert seeds == {"lora": 4, "prefix": 2}


def test_earlier_looks_are_the_same_when_seeds_are_added_and_changed_ones_are_marked(root, first):
    study = build(root, {"base": 4, "lora": 4, "prefix": 4})
    ledger = date(study, first)
    results = compare(study, ledger)
    assert [(look.number, look.changed) for look in results.looks.taken] == [(1, False), (2, False)]
    assert results.looks.taken[0].tests == first.looks.taken[0].tests
    assert results.looks.due is None
    ledger[0]["contrasts"][0]["p"] = 0.123
    assert [look.changed for look in compare(study, ledger).looks.taken] == [True, False]


def test_seeds_that_were_seen_before_others_were_declared_are_told(root, first):
    study = build(root, {}, looks=None)
    (alone,) = list_entries(study, compare(study))
    assert (alone["number"], alone["seeds"], alone["looks"]) == (None, [1, 2, 3, 4], None)
    assert list_seen(study, [alone]) == []
    ledger = [alone | {"seeds": [1, 2]}, alone]
    assert [row.seeds for row in list_seen(study, ledger)] == [[1, 2]]
    assert [row.seeds for row in compare(study, ledger).seen] == [[1, 2]]
    # a look that was declared then, but is not now, was seen as well
    assert [row.seeds for row in list_seen(study, date(build(root, {}), first))] == [[1, 2]]
    declared = build(root, {})
    assert list_seen(declared, date(declared, first)) == []
    # nothing that is asked now was asked then
    other = json.loads(json.dumps(alone | {"seeds": [1]}).replace('"lora"', '"gone"').replace('"prefix"', '"gone"'))
    assert list_seen(study, [other]) == []


def test_what_a_partial_report_can_show_of_too_few_seeds_is_no_look(root):
    results = compare(build(root, {"base": 1, "lora": 1, "prefix": 1}))
    assert results.looks.taken == []
    assert {(row.look, row.verdict) for row in results.contrasts if row.declared} == {(None, "undecided")}


# --- simulations


def test_simulated_looks_find_no_more_than_promised_where_there_is_nothing():
    simulated = read_json(Path(__file__).parents[3] / "reports/looks.json")
    assert [cell["ratio"] for cell in simulated["grid"]] == list(RATIOS)
    assert max(cell["false_alarms"] for cell in simulated["grid"]) <= 0.05
    assert max(cell["uncorrected_false_alarms"] for cell in simulated["grid"]) > 0.08


def test_a_simulated_difference_is_found_with_fewer_seeds_where_they_hardly_differ():
    few, many = (simulate_cell(ratio, 15) for ratio in (0, 3))
    assert 2 <= few["seeds"] < many["seeds"] <= 6
    assert few["found"] > 0.8
    assert few.keys() == {"ratio", *Simulated.model_fields} - {"of", "contrasts"}


# --- what would decide


def detect(seeds, rows):
    return find_detectable(Crossed(np.empty(0), list_parts(Parts(1.0, 1.0, 1.0), seeds, rows)))


def test_more_seeds_or_rows_are_counted_to_the_first_that_do():
    seeds = find_least(lambda number: detect(number, 500), 1.0, 2, 100)
    assert detect(seeds, 500) <= 1.0 < detect(seeds - 1, 500)
    assert find_least(lambda number: detect(2, number), 1.0, 500, 100_000) is None  # seeds differ too much
    assert find_least(lambda number: detect(10, number), 0.9, 500, 100_000) is None
    assert find_least(lambda number: detect(20, number), 0.9, 2, 100_000) > 10


def test_of_both_the_fewest_answers_are_taken():
    found = find_both(detect, 0.8, range(3, 100), 10, 1000)
    assert detect(*found) <= 0.8 < detect(found[0], found[1] - 1)
    better = [
        (s, n) for s in range(3, 60) for n in range(11, 200) if s * n < found[0] * found[1] and detect(s, n) <= 0.8
    ]
    assert better == []


def test_undecided_contrasts_are_told_what_would_decide_them(first):
    rows = {(row.run, row.against, row.task): row for row in first.needed}
    undecided = {
        (row.run, row.against, row.task)
        for row in first.contrasts
        if row.declared and row.primary and row.verdict == "undecided" and not row.task.startswith("text:")
    }
    assert rows.keys() == undecided
    assert {(row.seeds, row.n) for row in rows.values()} == {(2, 12)}
    # no answer differs, so nothing but rows shows that rare differences are rarer than the margin
    equal = rows["lora", "base", "arithmetic"]
    assert equal.more_seeds is None
    assert equal.more_rows > 300


def test_with_one_seed_only_rows_are_told(tmp_path):
    spec = build_study(("base", "lora"), (1,))
    write_results(tmp_path, spec, rows=12)
    rows = compare(StudyFolder(tmp_path, spec)).needed
    assert rows
    assert all(row.more_seeds is None and row.both is None for row in rows)
    assert Study(spec).seed_counts == (1, 1)
    assert looks.find_confidence(1) == pytest.approx(0.95)
