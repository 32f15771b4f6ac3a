"""Looks while seeds are added: the ledger decides which runs get more seeds, before anything is planned."""

import contextlib
import json

import pytest

from tests.forks import read_python
from tests.study_copy import PROJECT, copy_project, dry_run, plan, run_stubs

# warmstart is behind grpo; prefix is only in a contrast that stops at the first look
STUDY = """
study:
  runs: [base, prefix, warmstart, grpo]
  tasks: [sums]
  seeds: [1, 2, 3, 4, 5]
  looks: {seeds: [2, 4, 5], spend: [0.2, 0.3, 0.5]}
noise: null
drift: null
comparison: {contrasts: [[prefix, base], [grpo, base]]}
"""
LOOKS = {"seeds": [2, 4, 5], "spend": [0.2, 0.3, 0.5]}
CONFIG = ("--configfile", "looks.yaml")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the project in which stubs finished the first look, which they do not enter into the ledger."""
    folder = copy_project(tmp_path_factory.mktemp("looks"))
    (folder / "looks.yaml").write_text(STUDY, encoding="utf-8")
    run_stubs(folder, "--cores", "2", *CONFIG)
    assert plan(folder, *CONFIG) == set()
    return folder


def build_look(number, stopped, runs=("prefix", "grpo")):
    """A look of the ledger at which these runs' contrasts with the untouched model stopped."""
    numbers = {"value": 0.1, "low": 0.0, "high": 0.2, "n": 8, "interval": "crossed", "p": 0.01, "p_equivalence": 0.9}
    rows = [
        {"run": run, "against": "base", "task": "sums", "metric": "strict", "primary": True, **numbers}
        | {"verdict": "better" if run in stopped else "undecided", "stopped": run in stopped}
        for run in runs
    ]
    seeds = list(range(1, LOOKS["seeds"][number - 1] + 1))
    times = {"taken": "2026-01-01T00:00:00+00:00", "changed": None}
    return {"number": number, "seeds": seeds, "looks": LOOKS, "contrasts": rows, **times}


@contextlib.contextmanager
def ledger(folder, *looks):
    file = folder / "results/looks.json"
    file.write_text(json.dumps(looks), encoding="utf-8")
    try:
        yield
    finally:
        file.unlink()


def list_trained(jobs):
    return {job for job in jobs if job.startswith("train_")}


def name_trainings(seeds, *runs):
    rules = {"grpo": "train_grpo"}
    return {f"{rules.get(run, 'train_sft')} {run} {seed}" for run in runs for seed in seeds}


def test_the_first_look_trains_every_run_with_its_seeds_only(finished):
    made = {path.name for path in (finished / "results/runs").glob("*/seed*")}
    assert made == {"seed0", "seed1", "seed2"}


def test_only_runs_of_undecided_contrasts_and_those_behind_them_get_more_seeds(finished):
    with ledger(finished, build_look(1, {"prefix"})):
        jobs = plan(finished, *CONFIG)
    assert list_trained(jobs) == name_trainings((3, 4), "warmstart", "grpo")
    assert "generate_answers warmstart 3 sums" in jobs
    assert "compare_methods" in jobs
    assert not [job for job in jobs if "prefix" in job]


def test_each_look_adds_the_seeds_that_it_has_beyond_the_one_before(finished):
    with ledger(finished, build_look(1, {"prefix"}), build_look(2, (), ["grpo"])):
        assert list_trained(plan(finished, *CONFIG)) == name_trainings((3, 4, 5), "warmstart", "grpo")


@pytest.mark.parametrize("stopped", [{"prefix", "grpo"}, {"grpo"}], ids=["all", "one"])
def test_when_all_is_decided_or_the_last_look_taken_nothing_is_left_to_do(finished, stopped):
    looks = [build_look(1, stopped)]
    if stopped == {"grpo"}:
        looks += [build_look(2, (), ["prefix"]), build_look(3, (), ["prefix"])]
        with ledger(finished, *looks):
            assert list_trained(plan(finished, *CONFIG)) == name_trainings((3, 4, 5), "prefix")
        return
    with ledger(finished, *looks):
        assert plan(finished, *CONFIG) == set()


def test_looks_that_were_declared_otherwise_are_no_looks_of_these(finished):
    other = build_look(1, {"prefix"}) | {"looks": {"seeds": [2, 5], "spend": [0.5, 0.5]}}
    with ledger(finished, other):
        assert plan(finished, *CONFIG) == set()


def test_a_ledger_that_is_none_is_refused_with_its_file(finished):
    (finished / "results/looks.json").write_text("[1", encoding="utf-8")
    code, printed = read_python(finished, "-m", "snakemake", "--dry-run", "--cores=1", *CONFIG)
    (finished / "results/looks.json").unlink()
    assert code == 1
    assert "results/looks.json is no ledger of looks; take it from a backup, or remove it to begin anew." in printed


def test_the_plan_says_which_look_is_next_and_what_it_trains(finished):
    with ledger(finished, build_look(1, {"prefix"})):
        code, printed = read_python(finished, "scripts/plan_jobs.py", *CONFIG)
    assert code == 0, printed
    assert (
        "Look 2 of 3 is next, with seeds 1, 2, 3, 4: it trains warmstart with 3, 4; grpo with 3, 4.\n"
        "Undecided: grpo against base."
    ) in printed


def test_a_partial_report_has_no_seeds_that_a_look_does_not_plan_and_is_no_look(finished):
    with ledger(finished, build_look(1, {"prefix"})):
        tool = (str(PROJECT / "tests/stubbed_tool.py"), "scripts/report_partial.py", *CONFIG)
        code, printed = read_python(finished, *tool)
        told = json.loads((finished / ".snakemake/partial.json").read_text(encoding="utf-8"))
    assert code == 3, printed
    assert told["seeds"] == {"base": [0], "prefix": [1, 2], "warmstart": [1, 2], "grpo": [1, 2]}
    assert {(hole["what"], hole["name"]) for hole in told["holes"]} == {("seed", "3"), ("seed", "4")}
    assert "partial report" not in dry_run(finished, *CONFIG)
