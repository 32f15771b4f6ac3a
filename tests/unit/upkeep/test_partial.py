"""The largest complete part of a study, and what is said about the missing parts."""

from dataclasses import replace

import pytest

from tests.unit.comparison.results_factory import build_study
from tunelab.config.study import Study
from tunelab.errors import UserError
from tunelab.upkeep.missing import DRIFT, Missing, count_run_seeds, find_block
from tunelab.upkeep.partial import choose_block, describe_partial, render_holes
from tunelab.upkeep.planning import Job

EVERY = {"arithmetic", "support", DRIFT}
RUNS = ("base", "lora", "prefix", "warmstart", "grpo")


def study(seeds=(1,), runs=RUNS):
    return Study(build_study(runs, seeds))


def block_of(seeds, lacking):
    """Return the runs, seeds and tasks of the largest block, and how many runs with seeds it has."""
    found = find_block(study(seeds), lacking)
    return found and (" ".join(found.runs), found.seeds, found.parts, count_run_seeds(study(seeds), found))


ALL = " ".join(RUNS)
PARTS = ("arithmetic", "support", DRIFT)


@pytest.mark.parametrize(
    ("seeds", "lacking", "found"),
    [
        ((1, 2), {}, (ALL, (1, 2), PARTS, 9)),
        ((1, 2), {("lora", 1): EVERY}, ("base prefix warmstart grpo", (1, 2), PARTS, 7)),
        ((1, 2), {("lora", 1): EVERY, ("grpo", 1): EVERY}, (ALL, (2,), PARTS, 5)),
        # two of three seeds for four runs, instead of three for two or one for all
        ((1, 2, 3), {("lora", 1): EVERY, ("grpo", 2): EVERY}, ("base lora prefix warmstart", (2, 3), PARTS, 7)),
        ((1,), {(run, 1): EVERY for run in RUNS[1:]}, ("base", (1,), PARTS, 1)),
        ((1,), {("base", 0): EVERY}, ("lora prefix warmstart grpo", (1,), PARTS, 4)),
        ((1,), {(run, int(run != "base")): {"support"} for run in RUNS}, (ALL, (1,), ("arithmetic", DRIFT), 5)),
        ((1,), {(run, int(run != "base")): {DRIFT} for run in RUNS}, (ALL, (1,), ("arithmetic", "support"), 5)),
        # one run alone has a task: it goes, and the runs stay
        ((1,), {(run, int(run != "base")): {"support"} for run in RUNS[:4]}, (ALL, (1,), ("arithmetic", DRIFT), 5)),
        # one run alone lacks most: it goes, and the parts stay
        ((1,), {("grpo", 1): {"support", DRIFT}}, ("base lora prefix warmstart", (1,), PARTS, 4)),
        ((1,), {(run, int(run != "base")): EVERY for run in RUNS}, None),
        # a page of drift alone makes no sense
        ((1,), {(run, int(run != "base")): EVERY - {DRIFT} for run in RUNS}, None),
    ],
)
def test_the_block_has_the_most_arms_by_parts(seeds, lacking, found):
    assert block_of(seeds, lacking) == found


def test_a_run_does_not_lack_the_seeds_that_no_look_plans_for_it():
    spec = build_study(("base", "lora", "prefix"), (1, 2, 3, 4))
    spec["study"]["run_seeds"] = {"base": [0], "lora": [1, 2], "prefix": [1, 2, 3, 4]}
    planned = Study(spec)
    block = find_block(planned, {})
    assert (block.runs, block.seeds, count_run_seeds(planned, block)) == (("base", "lora", "prefix"), (1, 2, 3, 4), 7)
    block = find_block(planned, {("prefix", 3): EVERY, ("prefix", 4): EVERY})
    assert (block.runs, block.seeds, count_run_seeds(planned, block)) == (("base", "lora", "prefix"), (1, 2), 5)
    # a run that has none of the seeds is not there
    block = find_block(planned, {("prefix", 1): EVERY, ("prefix", 2): EVERY})
    assert (block.runs, block.seeds) == (("base", "prefix"), (3, 4))


def job(rule, after=(), causes=(), **wildcards):
    """A job that is to run after these, and so for its own causes only if there are none."""
    name = "_".join([rule, *wildcards.values()])
    causes = tuple(causes) or (() if after else ("not made yet",))
    inputs = tuple(path for one in after for path in one.outputs)
    log = f"results/logs/{name}.log"
    return Job(rule, wildcards, log, None, inputs, (f"results/{name}",), (), True, True, causes)


TRAINED = job("train_sft", run="warmstart", seed="1")
STARTED = job("train_grpo", [TRAINED], run="grpo", seed="1")
SCORED = job("score_answers", [STARTED], run="grpo", seed="1", task="arithmetic")
COMPARED = job("compare_methods", [SCORED])


def describe(jobs, failed=None, seeds=(1,)):
    """Return what the page says about a study with these jobs to run."""
    lacks = Missing(study(seeds), jobs, failed or {})
    return describe_partial(study(seeds), lacks, choose_block(study(seeds), lacks))


def name_holes(partial):
    return {(hole["what"], hole["name"]): (hole["kind"], hole["job"], hole["reason"]) for hole in partial["holes"]}


def test_a_study_of_which_only_the_page_is_to_be_made_has_no_holes():
    light = job("measure_tokens", dataset="sums", model="smollm2")
    assert describe([light, job("plot_figure tasks", [light]), COMPARED])["holes"] == []


def test_a_run_is_missing_for_the_failure_of_its_start():
    partial = describe([TRAINED, STARTED, SCORED, COMPARED], {TRAINED.log: "The disk is full."})
    cause = ("failed", "train_sft warmstart 1", "The disk is full.")
    assert name_holes(partial) == {("run", "warmstart"): cause, ("run", "grpo"): cause}
    assert (partial["arms"], partial["of"], partial["trained"]) == (3, 5, ["warmstart", "grpo"])
    assert partial["pairs"] == [["warm start", "untouched"], ["GRPO", "warm start"]]


def test_a_failure_of_its_own_goes_before_what_it_waits_for():
    jobs = [TRAINED, STARTED, SCORED]
    assert name_holes(describe(jobs, {SCORED.log: "No number."}))["run", "grpo"][:2] == (
        "failed",
        "score_answers grpo 1 arithmetic",
    )
    assert name_holes(describe(jobs))["run", "grpo"] == ("unmade", "train_sft warmstart 1", "")


def test_what_an_edit_made_stale_tells_the_edit():
    jobs = [replace(TRAINED, causes=("runs.warmstart.training.max_steps: 60 → 61",)), STARTED]
    cause = ("changed", "train_sft warmstart 1", "runs.warmstart.training.max_steps: 60 → 61")
    assert set(name_holes(describe(jobs)).values()) == {cause}


@pytest.mark.parametrize(
    ("light", "holes"),
    [
        # the runs that learn from the rows, and the task that has them
        (
            job("measure_tokens", dataset="tech", model="smollm2"),
            {("run", "lora"), ("run", "prefix"), ("task", "support"), ("drift", "")},
        ),
        (job("render_model_card", run="lora", seed="1", artefact="adapter"), {("run", "lora")}),
    ],
)
def test_light_jobs_go_along_unless_they_failed(light, holes):
    assert describe([light])["holes"] == []
    partial = describe([light], {light.log: "It has no end."})
    assert set(name_holes(partial)) - {("drift", "")} == holes - {("drift", "")}


def test_the_repeats_are_left_out_with_the_seed_that_they_repeat():
    repeated = study((1, 2))
    repeated.spec["noise"]["run"] = "lora"
    jobs = [job("train_grpo", run="grpo", seed="1"), job("train_sft", run="prefix", seed="1")]
    lacks = Missing(repeated, jobs, {})
    partial = describe_partial(repeated, lacks, choose_block(repeated, lacks))
    cause = ("unmade", "train_grpo grpo 1", "")
    assert name_holes(partial) == {("seed", "1"): cause, ("noise", ""): cause}


def test_with_nothing_whole_there_is_a_sentence_with_the_first_cause():
    fetched = job("check_positions", model="smollm2")
    with pytest.raises(
        UserError, match=r"There is nothing to report yet: .* check_positions smollm2 failed: Too long\. `"
    ):
        describe([fetched], {fetched.log: "Too long."})


def test_many_holes_are_not_all_told_at_the_terminal():
    names = [f"run{number}" for number in range(60)]
    hole = {"what": "run", "label": "x", "kind": "unmade", "job": "train_sft x 1", "reason": ""}
    text = render_holes({"arms": 1, "of": 61, "holes": [hole | {"name": name} for name in names]})
    assert len(text.splitlines()) < 30 and text.endswith("\n  and 38 more, which the page names")
