import pytest

from tests.unit.comparison.results_factory import build_study
from tunelab.config.study import Study
from tunelab.reporting import overview
from tunelab.reporting.overview import build_overview, find_scale, sum_costs

VALUES = {"base": 0.1, "lora": 0.4, "prefix": 0.45, "warmstart": 0.5, "grpo": 0.6}
TIMES = {"lora": 40.0, "prefix": 20.0, "warmstart": 60.0, "grpo": 200.0}


def build(verdicts, runs=tuple(VALUES), values=VALUES, times=TIMES, metric="strict", unasked=(), starved=()):
    """Build the overview of a study whose one task has these values; `verdicts` are by (run, against)."""
    spec = build_study(runs)
    spec["study"]["tasks"] = ["arithmetic"]
    study = Study(spec)
    cells = {
        (run, "arithmetic", metric): {"value": value, "low": value - 0.05, "high": value + 0.05}
        for run, value in values.items()
    }
    pairs = {
        ("arithmetic", *pair): {
            **{"run": pair[0], "against": pair[1], "verdict": verdict, "declared": pair not in unasked},
            "starved": [run for run in pair if run in starved],
        }
        for pair, verdict in verdicts.items()
    }
    costs = [
        {
            **{"run": run, "seed": 1, "train_seconds": times[run], "chain_train_seconds": times[run]},
            **{"peak_memory_bytes": times[run] * 10, "artefact_bytes": 1000 - times[run]},
        }
        for run in runs
        if run != "base"
    ]
    return build_overview(study, {"arithmetic": metric}, cells, pairs, costs)


def choose(budget, verdicts, **options):
    (row,) = build(verdicts, **options)["choices"][budget]
    return row


ALL_WORSE = {(run, "grpo"): "worse" for run in VALUES if run != "grpo"}


def test_a_run_that_is_better_than_all_others_is_taken_whatever_it_costs():
    row = choose("seconds", ALL_WORSE)
    assert (row["run"], row["best"], row["alone"], row["cost"]["seconds"]) == ("grpo", "grpo", True, 200.0)


@pytest.mark.parametrize("verdict", ["undecided", "equivalent"])
def test_the_cheapest_run_that_is_not_shown_to_be_worse_is_taken(verdict):
    level = {("lora", "grpo"): verdict, ("warmstart", "grpo"): verdict}
    row = choose("seconds", ALL_WORSE | level)
    assert (row["run"], row["best"], row["verdict"], row["alone"]) == ("lora", "grpo", verdict, False)
    assert (row["cost"]["seconds"], row["best_cost"]["seconds"]) == (40.0, 200.0)


def test_each_budget_has_a_choice_of_its_own():
    level = ALL_WORSE | {("prefix", "grpo"): "undecided", ("warmstart", "grpo"): "undecided"}
    assert choose("memory", level)["run"] == "prefix"
    assert choose("disk", level)["run"] == "grpo"


def test_nothing_is_to_be_trained_where_the_untouched_model_is_level():
    row = choose("seconds", ALL_WORSE | {("base", "grpo"): "undecided"})
    assert (row["run"], row["cost"]) == ("base", None)


def test_a_run_that_was_not_compared_with_the_best_is_no_candidate_and_the_best_is_not_alone():
    verdicts = {pair: verdict for pair, verdict in ALL_WORSE.items() if pair != ("prefix", "grpo")}
    row = choose("seconds", verdicts)
    assert (row["run"], row["alone"]) == ("grpo", False)


@pytest.mark.parametrize(
    ("verdicts", "starved", "taken", "doubted"),
    [
        ({}, ("lora",), "grpo", ["lora"]),  # better than every other run, of which one was starved
        ({}, ("grpo",), "grpo", []),  # nevertheless better
        ({("lora", "grpo"): "undecided"}, ("grpo", "prefix"), "lora", ["grpo"]),  # prefix is not spoken of
        ({("lora", "grpo"): "equivalent"}, ("lora",), "lora", ["lora"]),
        ({("warmstart", "grpo"): "undecided"}, (), "warmstart", []),
    ],
)
def test_starved_runs_are_told_of_where_the_choice_is_set_against_them(verdicts, starved, taken, doubted):
    row = choose("seconds", ALL_WORSE | verdicts, starved=starved)
    assert (row["run"], row["doubted"]) == (taken, doubted)


def test_the_best_value_of_a_starved_run_is_not_doubted_by_its_own_choice():
    row = choose("disk", ALL_WORSE | {("prefix", "grpo"): "undecided"}, starved=("grpo", "prefix"))
    assert (row["run"], row["doubted"]) == ("grpo", ["prefix"])


def test_the_best_loss_is_the_lowest():
    row = choose("seconds", {(run, "base"): "worse" for run in TIMES}, metric="loss")
    assert (row["best"], row["run"], row["alone"]) == ("base", "base", True)


def test_a_run_costs_what_its_start_cost_too():
    study = Study(build_study(("warmstart", "grpo")))
    costs = [
        *({"run": "warmstart", "seed": seed, "train_seconds": 60.0, "chain_train_seconds": 60.0} for seed in (1, 2)),
        *({"run": "grpo", "seed": seed, "train_seconds": 9.0, "chain_train_seconds": 60.0 + seed} for seed in (1, 2)),
    ]
    memory = {"warmstart": 700, "grpo": 500}
    costs = [row | {"peak_memory_bytes": memory[row["run"]], "artefact_bytes": row["seed"]} for row in costs]
    assert sum_costs(study, costs, "grpo") == {"complete": True, "seconds": 61.5, "memory": 700, "disk": 2}
    alone = Study(build_study(("grpo",)))
    rows = [row | {"chain_train_seconds": None} for row in costs]
    assert sum_costs(alone, rows, "grpo") == {"complete": False, "seconds": 9.0, "memory": 500, "disk": 2}


def test_values_stand_on_a_scale_with_round_ends():
    assert find_scale(0.05, 0.65) == pytest.approx((0.0, 0.7))
    assert find_scale(2.1, 6.97) == (2.0, 7.0)
    low, high = find_scale(0.0, 0.0)
    assert low <= 0.0 < high
    task = build(ALL_WORSE)["tasks"]["arithmetic"]
    assert (task["low"], task["high"]) == pytest.approx((0.0, 0.7))
    assert task["runs"]["grpo"]["places"] == pytest.approx([78.57, 85.71, 92.86])
    assert task["runs"]["grpo"]["reference"] == pytest.approx(14.29)
    assert task["runs"]["base"]["reference"] is None


def test_a_verdict_that_the_config_does_not_ask_for_is_marked():
    asked = {(run, "base"): "better" for run in TIMES}
    assert build(ALL_WORSE | asked)["exploratory"] is False
    assert build(ALL_WORSE | asked, unasked={("lora", "base")})["exploratory"] is True


def test_of_too_many_runs_the_untouched_and_the_best_are_shown(monkeypatch):
    monkeypatch.setattr(overview, "SHOWN", 3)
    built = build(ALL_WORSE)
    assert (built["runs"], built["left_out"]) == (["base", "warmstart", "grpo"], 2)
    assert set(built["tasks"]["arithmetic"]["runs"]) == {"base", "warmstart", "grpo"}


def test_without_an_untouched_model_nothing_is_judged_on_the_first_screen():
    runs = ("warmstart", "grpo")
    built = build(ALL_WORSE, runs=runs, values={run: VALUES[run] for run in runs})
    assert built["judged"] is False and built["incomplete"] is False
