import pytest

from tests.unit.comparison.results_factory import build_study
from tests.unit.reporting.contrast_factory import build_contrast
from tunelab.config.study import Study
from tunelab.reporting import overview
from tunelab.reporting.findings import build_finding
from tunelab.reporting.overview import build_overview, find_scale, sum_costs

VALUES = {"base": 0.1, "lora": 0.4, "prefix": 0.45, "warmstart": 0.5, "grpo": 0.6}
TIMES = {"lora": 40.0, "prefix": 20.0, "warmstart": 60.0, "grpo": 200.0}


def build(
    verdicts,
    runs=tuple(VALUES),
    values=VALUES,
    times=TIMES,
    metric="strict",
    unasked=(),
    starved=(),
    degenerate=(),
    contrary=None,
):
    """Build the overview of a study of one task with these values; `verdicts` and `contrary` are by (run, against)."""
    spec = build_study(runs)
    spec["study"]["tasks"] = ["arithmetic"]
    study = Study(spec)
    cells = {
        (run, "arithmetic", metric): {"value": value, "low": value - 0.05, "high": value + 0.05}
        for run, value in values.items()
    }
    pairs = {
        ("arithmetic", *pair): build_finding(
            build_contrast(
                *pair,
                **{"verdict": verdict, "declared": pair not in unasked},
                starved=[run for run in pair if run in starved],
                degenerate=[run for run in pair if run in degenerate],
            ).model_dump()
        )
        | {"contrary": [{"metric": name, "verdict": said} for name, said in (contrary or {}).get(pair, ())]}
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
    return build_overview(study, {"arithmetic": metric}, cells, pairs, costs, [])


def choose(verdicts, **options):
    (row,) = build(verdicts, **options).choices
    return row


ALL_WORSE = {(run, "grpo"): "worse" for run in VALUES if run != "grpo"}


def test_a_run_that_is_better_than_all_others_is_taken_whatever_it_costs():
    row = choose(ALL_WORSE)
    assert (row["best"], row["level"], row["alone"], row["ahead"]) == (["grpo"], [], True, {})
    assert row["cheapest"] == {"seconds": ["grpo"], "memory": ["grpo"], "disk": ["grpo"]}


@pytest.mark.parametrize("verdict", ["undecided", "equivalent"])
def test_runs_that_are_not_shown_to_be_worse_are_named_and_the_cheapest_of_them_taken(verdict):
    row = choose(ALL_WORSE | {("lora", "grpo"): verdict, ("warmstart", "grpo"): verdict})
    assert (row["best"], row["level"], row["alone"]) == (["grpo"], ["warmstart", "lora"], False)
    assert row["cheapest"] == {"seconds": ["lora"], "memory": ["lora"], "disk": ["grpo"]}


def test_equal_values_and_equal_costs_are_ties():
    level = {("base", "warmstart"): "worse", ("lora", "warmstart"): "worse"}
    level |= {("grpo", "warmstart"): "equivalent", ("prefix", "warmstart"): "undecided"}
    row = choose(level, values=VALUES | {"warmstart": 0.6}, times=TIMES | {"warmstart": 200.01, "prefix": 300.0})
    assert set(row["best"]) == {"grpo", "warmstart"} and row["level"] == ["prefix"]
    # 200.0 and 200.01 seconds are written alike
    assert set(row["cheapest"]["seconds"]) == {"grpo", "warmstart"}
    assert row["cheapest"]["disk"] == ["prefix"]


def test_a_run_that_some_test_shows_to_be_worse_is_no_candidate():
    level = ALL_WORSE | {("lora", "grpo"): "undecided", ("prefix", "grpo"): "equivalent"}
    row = choose(level, contrary={("prefix", "grpo"): [("flexible", "worse"), ("loss", "worse")]})
    assert (row["level"], row["cheapest"]["seconds"]) == (["lora"], ["lora"])


def test_a_run_that_is_better_on_another_metric_is_named_and_the_best_is_not_better_than_every_other():
    row = choose(ALL_WORSE, contrary={("lora", "grpo"): [("loss", "better"), ("flexible", "better")]})
    assert (row["alone"], row["ahead"], row["level"]) == (False, {"lora": ["loss", "flexible"]}, [])


def test_the_best_value_is_not_the_best_where_the_test_says_so():
    verdicts = {("warmstart", "grpo"): "better", ("grpo", "warmstart"): "worse", ("lora", "warmstart"): "undecided"}
    row = choose(verdicts)  # two runs that were asked other rows
    assert (row["best"], row["level"]) == (["warmstart"], ["lora"])


def test_nothing_is_to_be_trained_where_the_untouched_model_is_level():
    row = choose(ALL_WORSE | {("base", "grpo"): "undecided", ("lora", "grpo"): "undecided"})
    assert set(map(tuple, row["cheapest"].values())) == {("base",)}


def test_a_run_that_was_not_compared_with_the_best_is_no_candidate_and_the_best_is_not_alone():
    row = choose({pair: verdict for pair, verdict in ALL_WORSE.items() if pair != ("prefix", "grpo")})
    assert (row["best"], row["level"], row["alone"]) == (["grpo"], [], False)


@pytest.mark.parametrize(
    ("verdicts", "starved", "degenerate", "doubted"),
    [
        ({}, ("lora",), (), {"starved": ["lora"]}),  # better than every other run, of which one was starved
        ({}, ("grpo",), (), {}),  # nevertheless better
        ({("lora", "grpo"): "undecided"}, ("grpo", "prefix"), (), {}),  # of neither is anything said
        ({("lora", "grpo"): "undecided"}, ("grpo", "lora"), (), {"starved": ["lora"]}),
        ({("lora", "grpo"): "undecided"}, (), ("grpo", "lora", "prefix"), {"degenerate": ["grpo", "lora"]}),
        ({("warmstart", "grpo"): "undecided"}, (), ("base",), {}),
    ],
)
def test_doubts_on_runs_that_the_choice_is_about_are_told(verdicts, starved, degenerate, doubted):
    row = choose(ALL_WORSE | verdicts, starved=starved, degenerate=degenerate)
    assert {reason: sorted(runs) for reason, runs in row["doubted"].items()} == doubted


def test_the_best_loss_is_the_lowest():
    row = choose({(run, "base"): "worse" for run in TIMES}, metric="loss")
    assert (row["best"], row["alone"]) == (["base"], True)


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
    task = build(ALL_WORSE).tasks["arithmetic"]
    assert (task["low"], task["high"]) == pytest.approx((0.0, 0.7))
    assert task["runs"]["grpo"]["places"] == pytest.approx([78.57, 85.71, 92.86])
    assert task["runs"]["grpo"]["reference"] == pytest.approx(14.29)
    assert task["runs"]["base"]["reference"] is None


def test_a_verdict_that_the_config_does_not_ask_for_is_marked():
    asked = {(run, "base"): "better" for run in TIMES}
    assert build(ALL_WORSE | asked).exploratory is False
    assert build(ALL_WORSE | asked, unasked={("lora", "base")}).exploratory is True


def test_of_too_many_runs_the_untouched_and_the_best_are_shown(monkeypatch):
    monkeypatch.setattr(overview, "SHOWN", 3)
    built = build(ALL_WORSE)
    assert (built.runs, built.left_out) == (["base", "warmstart", "grpo"], 2)
    assert set(built.tasks["arithmetic"]["runs"]) == {"base", "warmstart", "grpo"}


def test_without_an_untouched_model_nothing_is_judged_on_the_first_screen():
    runs = ("warmstart", "grpo")
    built = build(ALL_WORSE, runs=runs, values={run: VALUES[run] for run in runs})
    assert built.judged is False and built.incomplete is False
