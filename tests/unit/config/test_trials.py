"""The trials of tuned runs: how many there are, what they are called, and what is told of mistakes."""

import pytest
import yaml

from tests.unit.config.default_config import load, merge
from tests.unit.config.test_config_errors import list_problems
from tunelab.config.chosen_settings import merge_settings
from tunelab.config.trials import find_own, find_selecting, list_trials, name_trial
from tunelab.jobs.provenance import flatten
from tunelab.jobs.slices import Slices

RATE, BETA = "training.learning_rate", "training.beta"
RATES = {"lora": {RATE: [1e-4, 3e-4, 1e-3]}}


def tune(runs=None, **fields):
    return {"tuning": {"trials": 3, "seeds": [101], "runs": runs or RATES} | fields}


def test_each_value_is_a_run_like_the_tuned_one():
    config = load(tune())
    assert list(config.trials) == [f"lora.learning_rate-{rate}" for rate in ("0.0001", "0.0003", "0.001")]
    own, trial = config.runs["lora"], config.runs["lora.learning_rate-0.001"]
    assert trial.training == own.training | {"learning_rate": 1e-3}
    assert trial.adapter == own.adapter
    assert trial.label == "LoRA, learning_rate 0.001"
    assert config.study.runs == load().study.runs


def test_a_task_asks_its_validation_rows_of_them_all():
    config = load(tune({"lora": RATES["lora"], "warmstart": {RATE: [1e-4, 5e-4, 1e-3]}}))
    assert config.selections == {"lora": "support.validation", "warmstart": "sums.validation"}
    assert config.tasks["sums.validation"].untaught_rows is None
    # lora chooses its best step by validation rows, the warm start does not
    assert config.divided == {"support"}


@pytest.mark.parametrize(
    ("select", "metrics"),
    [
        ({}, ("loss", "strict")),
        ({"metric": "loss"}, ("loss", "loss")),
    ],
)
def test_trials_are_compared_by_the_tasks_first_metric_or_by_the_loss(select, metrics):
    config = load(tune({"lora": RATES["lora"], "grpo": RATES["lora"]}, select=select))
    assert tuple(find_selecting(config, run) for run in ("lora", "grpo")) == metrics


def test_or_by_the_mean_over_drawn_answers():
    config = load(tune({"grpo": RATES["lora"]}, select={"samples": 4}))
    assert find_selecting(config, "grpo") == "mean@4"
    assert config.tasks["sums.validation"].sampling.samples == 4
    assert config.tasks["sums"].sampling is None


GRID = {RATE: [1e-5, 3e-5, 1e-4, 3e-4], BETA: [0.0, 0.01]}


def test_of_a_larger_grid_settings_are_drawn_with_the_runs_own_among_them():
    drawn = {seed: load(tune({"grpo": GRID}, draw_seed=seed)).trials for seed in (0, 0, 1, 2, 3)}
    assert all(len(trials) == 3 for trials in drawn.values())
    own = "grpo.learning_rate-0.0001.beta-0.0"
    assert all(own in trials for trials in drawn.values())
    assert len({tuple(trials) for trials in drawn.values()}) > 1
    assert load(tune({"grpo": GRID})).trials == drawn[0]


def test_the_librarys_default_is_a_runs_own_setting_too():
    grid = {"training.weight_decay": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]}
    for seed in range(4):
        assert "grpo.weight_decay-0.0" in load(tune({"grpo": grid}, draw_seed=seed)).trials


def test_numbers_may_lack_the_dot():
    config = load(tune({"lora": {RATE: ["1e-4", "3e-4", 1e-3]}}))
    assert list(config.trials) == [f"lora.learning_rate-{rate}" for rate in ("0.0001", "0.0003", "0.001")]
    assert [trial.settings[RATE] for trial in config.trials.values()] == [1e-4, 3e-4, 1e-3]
    field, schedules = "training.lr_scheduler_type", ["cosine", "linear", "constant_with_warmup"]
    trials = load(tune({"lora": {field: schedules}})).trials
    assert [trial.settings[field] for trial in trials.values()] == schedules


def test_names_tell_settings_and_stay_what_they_are_in_another_grid():
    assert name_trial("a", {RATE: 1e-05, "adapter.r": 64}) == "a.learning_rate-1e-05.r-64"
    assert name_trial("a", {"adapter.use_rslora": True}) == "a.use_rslora-true"
    hashed = name_trial("a", {"adapter.target_modules": ["q_proj", "v_proj"]})
    assert hashed.startswith("a.target_modules-")
    assert hashed != name_trial("a", {"adapter.target_modules": ["q_proj"]})
    long = name_trial("a" * 60, {RATE: 1e-4})
    assert len(long) <= 60
    assert long != name_trial("a" * 60, {RATE: 1e-3})
    assert long != name_trial("a" * 59 + "b", {RATE: 1e-4})


def test_what_is_wrong_has_no_trials():
    assert list_trials({"runs": {"lora": {RATE: 3}, "other": RATES["lora"], "base": 1}}, {"lora": {}}) == {}
    assert list_trials(None, {}) == {}


def test_defaults_are_the_runs_own_or_the_librarys():
    config = load(tune({"grpo": {RATE: [1e-5, 1e-4, 1e-3], "training.weight_decay": [0.0, 0.1]}}))
    run = config.runs["grpo"].model_dump(mode="json")
    assert find_own(run, [RATE, "training.weight_decay"]) == {RATE: 1e-4, "training.weight_decay": 0.0}


def test_a_tuned_runs_training_does_not_depend_on_what_is_chosen_for_it():
    def list_facts(overlay, run):
        return dict(flatten("runs", Slices(load(overlay)).run(run)))

    other = tune() | {"runs": {"lora": {"training": {"learning_rate": 2e-4}}}}
    assert list_facts(tune(), "lora") == list_facts(other, "lora")
    assert "runs.training.learning_rate" not in list_facts(tune(), "lora")
    trial = "lora.learning_rate-0.001"
    assert list_facts(tune(), trial)["runs.training.learning_rate"] == 1e-3
    assert list_facts(tune(), "prefix") == list_facts({}, "prefix")


def test_chosen_settings_go_before_the_runs_own():
    spec = load(tune()).runs["lora"]
    merged = merge_settings(spec, {RATE: 1e-3, "adapter.r": 4})
    assert (merged.training["learning_rate"], merged.adapter["r"], merged.adapter["lora_alpha"]) == (1e-3, 4, 32)
    assert spec.training["learning_rate"] == 3e-4
    assert merge_settings({"training": {"a": 1, "b": 2}}, {"training.a": 3}) == {"training": {"a": 3, "b": 2}}


def test_fewer_settings_are_allowed_if_that_is_said():
    assert len(load(tune({"lora": {RATE: [1e-4, 3e-4]}}, unequal=True)).trials) == 2


FOLLOWED = {"trajectory": {"points": 3, "tasks": ["sums"]}}
MISTAKES = [
    (tune({"lroa": RATES["lora"]}), ["tuning.runs.lroa: there is no run 'lroa' (did you mean lora?)"]),
    (tune({"base": RATES["lora"]}), ["tuning.runs.base: is not trained, so it has nothing to try; leave it out"]),
    (
        tune(seeds=[1]),
        [
            "tuning.seeds: 1 is a seed of the study; settings that were chosen with it would be tested on it, "
            "so take others"
        ],
    ),
    (tune(seeds=[101, 101]), ["tuning.seeds: 101 is listed twice"]),
    (
        tune({"lora": {RATE: [1e-4, 3e-4]}}),
        [
            "tuning.runs.lora: has 2 settings, and every tuned run gets 3 trials; add values, lower tuning.trials, or "
            "write tuning.unequal: true, which the report tells"
        ],
    ),
    (
        tune({"lora": {RATE: [1e-4]}}, unequal=True),
        ["tuning.runs.lora: has one setting, and there is nothing to choose; name several values, or leave it out"],
    ),
    (
        tune({"lora": {RATE: [1e-4, 1e-4, 3e-4]}}),
        ["tuning.runs.lora.training.learning_rate: a value is listed twice (got [0.0001, 0.0001, 0.0003])"],
    ),
    (
        tune({"lora": {"learning_rate": [1, 2, 3]}}),
        [
            "tuning.runs.lora.learning_rate: must be a field of the run's training or adapter, such as "
            "training.learning_rate (got 'learning_rate')"
        ],
    ),
    (
        tune({"grpo": {"adapter.r": [4, 8, 16]}}),
        ["tuning.runs.grpo.adapter.r: the run has no adapter of its own; tune the one that it starts from"],
    ),
    (
        tune({"lora": {"training.max_length": [64, 128, 256]}}),
        ["tuning.runs.lora.training.max_length: is read before any training, so it cannot be one of several"],
    ),
    # a value that is wrong is told once, where it was written
    (
        tune({"lora": {RATE: [1e-4, "fast", 1e-3]}}),
        ["tuning.runs.lora.training.learning_rate: must be a number (got 'fast')"],
    ),
    (
        tune({"lora": {"training.learning_rte": [1e-4, 3e-4, 1e-3]}}),
        [
            "tuning.runs.lora.training.learning_rte: is not a field of SFTConfig (did you mean learning_rate?)",
        ],
    ),
    # and a mistake of the run itself is told once, as without trials
    (
        tune() | {"runs": {"lora": {"training": {"max_stesp": 3}}}},
        ["runs.lora.training.max_stesp: is not a field of SFTConfig (did you mean max_steps?)"],
    ),
    (
        tune(select={"samples": 4}),
        [
            "tuning.select.samples: the answers of support, on which lora is tuned, are not right or wrong, so their "
            "mean says nothing; leave it out"
        ],
    ),
    (
        tune() | {"runs": {"lora.learning_rate-0.001": {"like": "lora", "label": "Mine"}}},
        ["runs.lora.learning_rate-0.001: is the name of a trial of lora; rename it"],
    ),
    (
        FOLLOWED | {"runs": {"grpo.point2": {"like": "grpo", "label": "Mine"}}},
        ["runs.grpo.point2: is the name of a point of grpo's training (trajectory); rename it"],
    ),
    (
        FOLLOWED | {"tasks": {"sums.trajectory": {"like": "sums", "label": "Mine"}}},
        ["tasks.sums.trajectory: is the name of what a trajectory asks; rename it"],
    ),
    (
        {"trajectory": {"points": 3, "tasks": ["sum"]}},
        ["trajectory.tasks: there is no task 'sum' (did you mean sums?)"],
    ),
    (
        FOLLOWED | {"study": {"runs": ["base", "lora", "grpo"]}},
        ["study.runs: a trajectory shows where grpo began; add 'warmstart', or leave trajectory out"],
    ),
]


@pytest.mark.parametrize(("overlay", "lines"), MISTAKES)
def test_mistakes_are_told_where_they_were_made(overlay, lines):
    assert list_problems(merge(yaml.safe_load(yaml.safe_dump(overlay)))) == lines
