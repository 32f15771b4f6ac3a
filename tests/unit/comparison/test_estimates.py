import csv
import json
import math
from pathlib import Path

import compare_methods
import jsonschema
import pytest

from tests.unit.comparison.results_factory import LABELS, build_study, write_results
from tunelab.comparison import estimates
from tunelab.comparison.estimates import summarise_coverage
from tunelab.comparison.metrics import list_measured, list_used
from tunelab.comparison.results import Results
from tunelab.config.metrics import FIRST, METRICS
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_json, read_jsonl, write_json, write_jsonl
from tunelab.reporting import tables

SIMULATED = {
    "studies": 1000,
    "grid": [
        {"seeds": 2, "covered": 0.9},
        {"seeds": 3, "covered": 0.94},
        {"seeds": 3, "covered": 0.99},
        {"seeds": 3, "covered": 0.95},
    ],
}
SCHEMA = Path(__file__).parents[3] / "docs/results.schema.json"


def write_study(root, **options):
    return StudyFolder(root, write_results(root, build_study(**options), rows=12))


def compare(study):
    return estimates.build_results(study, tables.load_trainings(study), [], [], SIMULATED, {})


def find_row(rows, **wanted):
    (row,) = [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]
    return row


def test_every_metric_of_every_run_seed_and_task_is_estimated_once(tmp_path):
    rows = compare(write_study(tmp_path)).estimates
    keys = {(row.run, row.seed, row.task, row.metric) for row in rows}
    neutral = {row.task for row in rows if row.task.startswith("text:")}
    assert len(neutral) == 1
    # of each kind of task, its divergence from the base, the drawn answers of one task (mean, pass and maj for two k)
    measured = [metric for kind in ("maths", "text", "neutral") for metric in list_measured(kind)]
    assert len(rows) == len(keys) == len(LABELS) * (len(measured) + 2 + 5)
    assert {row.metric.partition("@")[0] for row in rows} == {
        "mean",
        "pass",
        "maj",
        "kl",
        *list_measured("maths"),
        *list_measured("text"),
    }
    assert {row.seed for row in rows if row.run == "base"} == {0}
    assert all(row.low <= row.value <= row.high for row in rows)


def test_seeds_that_differ_greatly_leave_an_interval_within_what_the_metric_can_be(tmp_path):
    study = write_study(tmp_path, seeds=(1, 2))
    path = study.task_file("prefix", 2, "arithmetic", "losses.jsonl")
    write_jsonl(path, [row | {"loss": 20 * row["loss"]} for row in read_jsonl(path)])
    row = find_row(compare(study).estimates, run="prefix", seed=None, task="arithmetic", metric="loss")
    assert row.low == 0 < row.value < row.high


def test_values_are_counted_from_the_items(tmp_path):
    study = write_study(tmp_path)
    scores = read_jsonl(tmp_path / "runs/warmstart/seed1/arithmetic/scores.jsonl")
    losses = read_jsonl(tmp_path / "runs/warmstart/seed1/arithmetic/losses.jsonl")
    rows = [row for row in compare(study).estimates if (row.run, row.task) == ("warmstart", "arithmetic")]
    nats, tokens, size = (sum(row[name] for row in losses) for name in ("loss", "tokens", "bytes"))
    strict = find_row(rows, metric="strict")
    assert strict.value == sum(row["strict"] for row in scores) / 12
    assert (strict.n, strict.interval) == (12, "clopper-pearson")
    assert strict.sources == ["results/runs/warmstart/seed1/arithmetic/scores.jsonl"]
    reward = sum(sum(row["rewards"].values()) for row in scores) / 12
    assert find_row(rows, metric="reward").value == pytest.approx(reward)
    assert find_row(rows, metric="loss").value == pytest.approx(nats / tokens)
    assert find_row(rows, metric="loss").interval == "bootstrap"
    assert find_row(rows, metric="bits_per_byte").value == pytest.approx(nats / math.log(2) / size)


def test_several_seeds_add_a_mean_whose_interval_covers_seeds_for_trained_runs_only(tmp_path):
    rows = compare(write_study(tmp_path, seeds=(1, 2, 3))).estimates
    summaries = [row for row in rows if row.seed is None]
    assert {row.run for row in summaries} == {"lora", "prefix", "warmstart", "grpo"}
    seeds = [row for row in rows if (row.run, row.task, row.metric) == ("lora", "support", "loss") and row.seed]
    summary = find_row(summaries, run="lora", task="support", metric="loss")
    assert summary.value == pytest.approx(sum(row.value for row in seeds) / 3)
    assert (summary.n, summary.seeds, summary.interval, len(summary.sources)) == (12, 3, "crossed", 3)
    assert summary.low < summary.value < summary.high


def test_declared_pairs_are_corrected_among_themselves_and_the_others_with_them(tmp_path):
    study = write_study(tmp_path)
    study.spec["comparison"]["contrasts"] = [["lora", "base"], ["prefix", "base"], ["grpo", "nobody"]]
    rows = [row for row in compare(study).contrasts if (row.task, row.metric) == ("support", "loss")]
    assert len(rows) == 10  # pairs of five runs
    declared = [row for row in rows if row.declared]
    assert [(row.run, row.against) for row in declared] == [("lora", "base"), ("prefix", "base")]
    smaller, larger = sorted(row.p for row in declared)
    assert sorted(row.p_corrected for row in declared) == pytest.approx([2 * smaller, max(2 * smaller, larger)])
    assert {(row.run, row.against) for row in rows if not row.declared} >= {("prefix", "lora"), ("grpo", "warmstart")}


def test_a_verdict_follows_from_the_corrected_tests_and_the_metrics_direction(tmp_path):
    rows = compare(write_study(tmp_path)).contrasts
    loss = find_row(rows, run="lora", against="base", task="support", metric="loss")
    assert loss.value < 0
    assert (loss.verdict, loss.primary, loss.wins) == ("better", True, None)
    strict = find_row(rows, run="warmstart", against="base", task="arithmetic", metric="strict")
    scores = {
        run: read_jsonl(tmp_path / f"runs/{run}/arithmetic/scores.jsonl") for run in ("warmstart/seed1", "base/seed0")
    }
    wins = sum(a["strict"] and not b["strict"] for a, b in zip(*scores.values(), strict=True))
    assert (strict.wins, strict.losses) == (wins, 0)
    assert strict.value == pytest.approx(wins / 12)


def test_unequal_effort_stands_with_the_contrast(tmp_path):
    study = write_study(tmp_path)
    path = tmp_path / "runs/prefix/seed1/training.json"
    path.write_text(json.dumps(read_json(path) | {"tokens": 10}))
    rows = [row for row in compare(study).contrasts if row.metric == "loss" and row.task == "support"]
    unequal = {frozenset((row.run, row.against)): row.unequal for row in rows}
    assert unequal[frozenset(("lora", "prefix"))] == ["tokens"]
    assert unequal[frozenset(("lora", "base"))] == []
    assert unequal[frozenset(("lora", "warmstart"))] == ["dataset"]
    assert unequal[frozenset(("grpo", "warmstart"))] == []


def test_repeated_evaluations_give_the_floor_of_noise(tmp_path):
    study = write_study(tmp_path)
    path = tmp_path / "noise/rebatched/arithmetic/scores.jsonl"
    rows = read_jsonl(path)
    flipped = [row | {"strict": not row["strict"]} if i < 3 else row for i, row in enumerate(rows)]
    write_jsonl(path, flipped)
    found = compare(study)
    repeat = find_row(found.repeats, task="arithmetic", metric="strict", repeat="rebatched")
    assert (repeat.flips, repeat.n) == (3 / 12, 12)
    floors = {row.noise for row in found.contrasts if (row.task, row.metric) == ("arithmetic", "strict")}
    assert floors == {abs(repeat.repeated - repeat.value)}
    assert {row.noise for row in found.contrasts if row.task.startswith("text:")} == {None}


def test_a_repeat_of_some_rows_is_compared_on_these_alone(tmp_path):
    study = write_study(tmp_path)
    for repeat in ("again", "rebatched"):
        for name in ("scores.jsonl", "losses.jsonl"):
            path = tmp_path / f"noise/{repeat}/arithmetic/{name}"
            write_jsonl(path, read_jsonl(path)[7:2:-1])
    found = compare(study)
    run = study.spec["noise"]["run"]
    (scores,) = (tmp_path / f"runs/{run}").glob("*/arithmetic/scores.jsonl")
    own = [row["strict"] for row in read_jsonl(scores)[3:8]]
    repeat = find_row(found.repeats, task="arithmetic", metric="strict", repeat="again")
    assert (repeat.n, repeat.flips, repeat.value, repeat.repeated) == (5, 0.0, sum(own) / 5, sum(own) / 5)
    again = find_row(found.repeats, task="support", metric="loss", repeat="again")
    assert again.n == 12


def test_a_repeat_of_other_rows_is_refused(tmp_path):
    study = write_study(tmp_path)
    path = tmp_path / "noise/again/arithmetic/scores.jsonl"
    write_jsonl(path, [row | {"id": "another"} for row in read_jsonl(path)[:1]])
    with pytest.raises(UserError, match=r"noise/again/arithmetic/scores.jsonl has rows that .* has not"):
        compare(study)


def test_runs_that_answered_other_rows_are_refused(tmp_path):
    study = write_study(tmp_path)
    path = tmp_path / "runs/lora/seed1/support/losses.jsonl"
    write_jsonl(path, read_jsonl(path)[1:])
    with pytest.raises(
        UserError, match=r"results/runs/lora/seed1/support/losses\.jsonl has 11 rows that are not the 12"
    ):
        compare(study)


def test_a_missing_file_is_named_with_the_command_that_makes_it(tmp_path):
    study = write_study(tmp_path)
    (tmp_path / "runs/prefix/seed1/support/scores.jsonl").unlink()
    wanted = r"snakemake --cores all results/runs/prefix/seed1/support/scores\.jsonl"
    with pytest.raises(UserError, match=wanted):
        compare(study)


OUTPUTS = ("results.json", "main.csv", "estimates.csv", "contrasts.csv", "cost.csv")


def run_stage(study, folder):
    published = study.root / "published.yaml"
    published.write_text("[]")
    overlap, simulated = study.root / "overlap.json", study.root / "coverage.json"
    write_json(simulated, SIMULATED)
    outputs = [folder / name for name in OUTPUTS]
    compare_methods.main(str(study.root), study.spec, published, overlap, simulated, *outputs, simulated, False)


def test_tables_have_a_line_per_run_seed_and_task(tmp_path):
    study = write_study(tmp_path, seeds=(1, 2))
    run_stage(study, tmp_path / "out")
    read = {name: list(csv.DictReader((tmp_path / "out" / name).read_text().splitlines())) for name in OUTPUTS[1:]}
    main = read["main.csv"]
    assert len(main) == (1 + 4 * 3) * 2
    assert len(read["cost.csv"]) == 8
    first = main[0] | {"run": "base", "seed": "0", "task": "arithmetic", "n": "12", "rouge_l": "", "chrf_low": ""}
    assert first == main[0]
    found = Results.model_validate(read_json(tmp_path / "out/results.json"))
    value = find_row(found.estimates, run="grpo", seed=None, task="arithmetic", metric="strict").value
    (line,) = [row for row in main if (row["run"], row["seed"], row["task"]) == ("grpo", "", "arithmetic")]
    assert float(line["strict"]) == value
    assert len(read["estimates.csv"]) == len(found.estimates)
    assert [row["verdict"] for row in read["contrasts.csv"]] == [row.verdict for row in found.contrasts]


def test_the_results_keep_the_published_schema(tmp_path):
    run_stage(write_study(tmp_path), tmp_path / "out")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(read_json(tmp_path / "out/results.json"), schema)
    assert schema == Results.model_json_schema()


def test_the_outputs_are_the_same_byte_for_byte_when_made_again(tmp_path):
    study = write_study(tmp_path)
    for name in ("a", "b"):
        run_stage(study, tmp_path / name)
    for name in OUTPUTS:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_cost_of_a_run_that_starts_from_another_includes_it(tmp_path):
    study = write_study(tmp_path)
    costs = {row["run"]: row for row in tables.build_cost_table(study, tables.load_trainings(study))}
    assert costs["lora"]["chain_train_seconds"] == costs["lora"]["train_seconds"]
    together = costs["grpo"]["train_seconds"] + costs["warmstart"]["train_seconds"]
    assert costs["grpo"]["chain_train_seconds"] == pytest.approx(together)


def test_the_cost_of_a_start_outside_the_study_is_left_empty(tmp_path):
    study = write_study(tmp_path, runs=("base", "grpo"))
    costs = tables.build_cost_table(study, tables.load_trainings(study))
    assert [row["chain_train_seconds"] for row in costs] == [None]


@pytest.mark.parametrize(("kind", "metric"), FIRST.items())
def test_the_metric_of_a_verdict_is_tested_and_goes_before_the_others(kind, metric):
    assert list_used("contrasted", kind)[0] == metric
    assert set(list_used("contrasted", kind)) <= set(list_measured(kind))


def test_each_metric_is_divided_if_it_is_a_ratio_and_has_a_direction_if_it_is_tested():
    for name, metric in METRICS.items():
        assert (metric.estimator == "ratio") == bool(metric.ratio), name
        assert metric.better or not any("contrasted" in uses for uses in metric.on.values())


def test_a_gain_is_the_declared_difference_and_the_sum_of_its_parts(tmp_path):
    found = compare(write_study(tmp_path))
    declared = {(row.run, row.against): row.value for row in found.contrasts if row.declared and row.metric == "strict"}
    assert {(gain.run, gain.against): gain.total.value for gain in found.gains} == pytest.approx(declared)
    assert max(declared.values()) > 0
    for gain in found.gains:
        assert gain.layout.value + gain.skill.value == pytest.approx(gain.total.value)
    # the untouched model never writes the layout, the warm start nearly always
    assert {gain.split for gain in found.gains if gain.against == "base"} == {"lenient"}
    assert find_row(found.gains, run="grpo", against="warmstart").split == "layout"


def test_drawn_answers_are_compared_as_any_other_metric_within_the_margin_of_strict_accuracy(tmp_path):
    study = write_study(tmp_path)
    study.spec["comparison"]["margins"] |= {"strict": 0.07}
    found = compare(study)
    rows = [row for row in found.contrasts if "@" in row.metric]
    assert {row.metric for row in rows} == {"mean@4", "pass@1", "pass@4", "maj@1", "maj@4"}
    assert {(row.task, row.margin, row.noise, row.primary, row.wins) for row in rows} == {
        ("arithmetic", 0.07, None, False, None)
    }
    assert len(rows) == 5 * 10  # every pair of five runs
    assert not [row for row in found.repeats if "@" in row.metric]
    for kind in found.kinds:
        for part, metric in ((kind.reliability, "mean@4"), (kind.coverage, "pass@4")):
            row = find_row(rows, run=kind.run, against=kind.against, metric=metric)
            assert part.model_dump() == row.model_dump(include=set(type(part).model_fields))
    assert len(found.kinds) == 5


def test_the_mean_over_drawn_answers_is_the_share_that_is_strictly_right(tmp_path):
    study = write_study(tmp_path)
    study.spec["tasks"]["arithmetic"]["sampling"]["k"] = [2]
    row = find_row(compare(study).estimates, run="grpo", task="arithmetic", metric="mean@4")
    drawn = read_jsonl(tmp_path / "runs/grpo/seed1/arithmetic/sample_scores.jsonl")
    assert row.value == pytest.approx(sum(answer["strict"] for answer in drawn) / (8 * 4))
    assert row.n == 8 and 0 <= row.low < row.value < row.high <= 1


def test_a_single_row_compares_no_runs(tmp_path):
    study = StudyFolder(tmp_path, write_results(tmp_path, build_study(), rows=1))
    with pytest.raises(UserError, match=r"arithmetic has one row, and one row compares no runs; raise `prepare\.test`"):
        compare(study)


@pytest.mark.parametrize(
    ("seeds", "summary"),
    [(1, None), (2, (2, 0.9, 0.9, 0.9, 1)), (3, (3, 0.94, 0.96, 0.99, 3)), (7, (3, 0.94, 0.96, 0.99, 3))],
)
def test_coverage_is_that_of_as_many_seeds_or_the_next_smaller_number(seeds, summary):
    found = summarise_coverage(SIMULATED, seeds)
    told = found and (found.seeds, found.least, found.mean, found.most, found.cases)
    assert told == (summary and pytest.approx(summary))


def ask_fewer(study, root, run, task, rows):
    """Cut a run's answers to the first rows."""
    study.spec["tasks"][task]["untaught_rows"] = rows
    for name in ("scores.jsonl", "losses.jsonl"):
        path = root / f"runs/{run}/{task}/{name}"
        write_jsonl(path, read_jsonl(path)[:rows])
    kept = {row["id"] for row in read_jsonl(path)}
    drawn = root / f"runs/{run}/{task}/sample_scores.jsonl"
    write_jsonl(drawn, [row for row in read_jsonl(drawn) if row["id"] in kept])


def test_a_run_that_was_asked_fewer_rows_is_compared_on_those_that_both_have(tmp_path):
    study = write_study(tmp_path)
    whole = compare(study)
    ask_fewer(study, tmp_path, "lora/seed1", "arithmetic", 5)
    found = compare(study)
    values = {run: find_row(found.estimates, run=run, task="arithmetic", metric="flexible") for run in ("lora", "base")}
    assert {run: row.n for run, row in values.items()} == {"lora": 5, "base": 12}
    pair = find_row(found.contrasts, run="lora", against="base", task="arithmetic", metric="flexible")
    files = [tmp_path / f"runs/{run}/arithmetic/scores.jsonl" for run in ("lora/seed1", "base/seed0")]
    own, other = ([row["flexible"] for row in read_jsonl(file)[:5]] for file in files)
    assert (pair.n, pair.value) == (5, (sum(own) - sum(other)) / 5)
    # metrics of runs with all rows have not changed
    unchanged = {"run": "warmstart", "against": "base", "task": "arithmetic", "metric": "flexible"}
    assert find_row(found.contrasts, **unchanged) == find_row(whole.contrasts, **unchanged)


def test_a_run_with_fewer_rows_than_the_task_asks_of_it_is_refused(tmp_path):
    study = write_study(tmp_path)
    ask_fewer(study, tmp_path, "lora/seed1", "arithmetic", 5)
    study.spec["tasks"]["arithmetic"]["untaught_rows"] = 6
    with pytest.raises(UserError, match=r"lora/seed1/arithmetic/scores\.jsonl has 5 rows that are not the 12"):
        compare(study)


def test_seeds_of_a_run_with_other_rows_are_refused(tmp_path):
    study = write_study(tmp_path, seeds=(1, 2))
    ask_fewer(study, tmp_path, "lora/seed2", "arithmetic", 5)
    with pytest.raises(UserError, match=r"seed2/arithmetic/scores\.jsonl has 5 rows that are not the 12 rows of"):
        compare(study)


def test_a_pair_that_names_its_tasks_is_declared_and_corrected_there_alone(tmp_path):
    study = write_study(tmp_path)
    named = {"runs": ["warmstart", "base"], "tasks": ["arithmetic"]}
    study.spec["comparison"]["contrasts"] = [["lora", "base"], named]
    rows = [row for row in compare(study).contrasts if row.metric == "loss"]
    declared = {(row.task, row.run) for row in rows if row.declared}
    texts = {f"text:{text}" for text in study.list_texts()}
    assert declared == {("arithmetic", "warmstart")} | {(task, "lora") for task in {"arithmetic", "support"} | texts}
    alone = find_row(rows, run="lora", against="base", task="support", metric="loss")
    assert alone.p_corrected == alone.p
