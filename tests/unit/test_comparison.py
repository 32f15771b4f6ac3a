import csv
import math

import compare_methods
import pytest
from results_factory import build_study, write_results

from tunelab import comparison
from tunelab.errors import UserError
from tunelab.metrics import HEADLINES, MEANS, METRICS, PROPORTIONS, RATIOS
from tunelab.records import read_json, read_jsonl, write_jsonl
from tunelab.study import Study


def write_study(root, **options):
    return Study(root, write_results(root, build_study(**options), rows=12))


def find_row(rows, **wanted):
    (row,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return row


def test_every_metric_of_every_run_seed_and_task_is_estimated_once(tmp_path):
    study = write_study(tmp_path)
    rows = comparison.build_rows(study)
    keys = {(row["run"], row["seed"], row["task"], row["metric"]) for row in rows}
    assert len(rows) == len(keys) == 5 * ((7 + 2 + 2) + (1 + 4 + 2))
    assert {row["metric"] for row in rows} == set(METRICS)
    assert {row["seed"] for row in rows if row["run"] == "base"} == {0}
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)


def test_values_are_counted_from_the_items(tmp_path):
    study = write_study(tmp_path)
    scores = read_jsonl(tmp_path / "runs/warmstart/seed1/arithmetic/scores.jsonl")
    losses = read_jsonl(tmp_path / "runs/warmstart/seed1/arithmetic/losses.jsonl")
    rows = [row for row in comparison.build_rows(study) if (row["run"], row["task"]) == ("warmstart", "arithmetic")]
    nats, tokens, size = (sum(row[name] for row in losses) for name in ("loss", "tokens", "bytes"))
    strict = find_row(rows, metric="strict")
    assert strict["value"] == sum(row["strict"] for row in scores) / 12
    assert (strict["n"], strict["interval"]) == (12, "clopper-pearson")
    reward = sum(sum(row["rewards"].values()) for row in scores) / 12
    assert find_row(rows, metric="reward")["value"] == pytest.approx(reward)
    assert find_row(rows, metric="loss")["value"] == pytest.approx(nats / tokens)
    assert find_row(rows, metric="loss")["interval"] == "bootstrap"
    assert find_row(rows, metric="bits_per_byte")["value"] == pytest.approx(nats / math.log(2) / size)


def test_several_seeds_add_a_mean_with_its_range_for_trained_runs_only(tmp_path):
    rows = comparison.build_rows(write_study(tmp_path, seeds=(1, 2, 3)))
    summaries = [row for row in rows if row["seed"] is None]
    assert {row["run"] for row in summaries} == {"lora", "prefix", "warmstart", "grpo"}
    values = [row["value"] for row in rows if (row["run"], row["task"], row["metric"]) == ("lora", "support", "loss")]
    summary = find_row(summaries, run="lora", task="support", metric="loss")
    assert len(values) == 4
    assert summary["value"] == pytest.approx(sum(values[:3]) / 3)
    assert (summary["low"], summary["high"], summary["n"]) == (min(values[:3]), max(values[:3]), 3)
    assert summary["interval"] == "seed-range"


def test_runs_that_answered_other_rows_are_refused(tmp_path):
    study = write_study(tmp_path)
    path = tmp_path / "runs/lora/seed1/support/losses.jsonl"
    write_jsonl(path, read_jsonl(path)[1:])
    with pytest.raises(
        UserError, match=r"results/runs/lora/seed1/support/losses\.jsonl has 11 rows that are not the 12"
    ):
        comparison.build_rows(study)


def test_a_missing_file_is_named_with_the_command_that_makes_it(tmp_path):
    study = write_study(tmp_path)
    (tmp_path / "runs/prefix/seed1/support/scores.jsonl").unlink()
    wanted = r"snakemake --cores all results/runs/prefix/seed1/support/scores\.jsonl"
    with pytest.raises(UserError, match=wanted):
        comparison.build_rows(study)


def test_tables_have_a_line_per_run_seed_and_task(tmp_path):
    study = write_study(tmp_path)
    compare_methods.main(
        str(tmp_path), study.spec, tmp_path / "out/results.json", tmp_path / "out/main.csv", tmp_path / "out/cost.csv"
    )
    main, cost = (
        list(csv.DictReader((tmp_path / "out" / name).read_text().splitlines())) for name in ("main.csv", "cost.csv")
    )
    assert len(main) == 5 * 2
    assert len(cost) == 4
    assert (
        main[0] | {"run": "base", "seed": "0", "task": "arithmetic", "n": "12", "rouge_l": "", "chrf_low": ""}
        == main[0]
    )
    table = read_json(tmp_path / "out/results.json")
    value = find_row(table, run="grpo", task="arithmetic", metric="strict")["value"]
    assert float(find_row(main, run="grpo", task="arithmetic")["strict"]) == value


def test_the_tables_are_the_same_byte_for_byte_when_made_again(tmp_path):
    study = write_study(tmp_path)
    for name in ("a", "b"):
        compare_methods.main(str(tmp_path), study.spec, *(tmp_path / name / part for part in ("table", "main", "cost")))
    for part in ("table", "main", "cost"):
        assert (tmp_path / "a" / part).read_bytes() == (tmp_path / "b" / part).read_bytes()


def test_the_cost_of_a_run_that_starts_from_another_includes_it(tmp_path):
    costs = {row["run"]: row for row in comparison.build_cost_table(write_study(tmp_path))}
    assert costs["lora"]["chain_train_seconds"] == costs["lora"]["train_seconds"]
    together = costs["grpo"]["train_seconds"] + costs["warmstart"]["train_seconds"]
    assert costs["grpo"]["chain_train_seconds"] == pytest.approx(together)


def test_the_cost_of_a_start_outside_the_study_is_left_empty(tmp_path):
    costs = comparison.build_cost_table(write_study(tmp_path, runs=("base", "grpo")))
    assert [row["chain_train_seconds"] for row in costs] == [None]


def test_every_metric_that_is_shown_is_computed_and_described():
    for kind, metrics in HEADLINES.items():
        assert set(metrics) <= {*PROPORTIONS[kind], *MEANS[kind], *RATIOS} <= set(METRICS)
