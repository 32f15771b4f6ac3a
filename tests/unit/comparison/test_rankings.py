"""Held-out pairs: which answer runs find likelier, and which answer their training made likelier."""

import pytest

from tests.unit.comparison.pair_factory import plant, plant_gaps, write_pairs
from tests.unit.comparison.results_factory import METHODS, build_study, write_results
from tests.unit.comparison.test_estimates import compare, find_row
from tunelab.comparison.estimates import list_implicit
from tunelab.comparison.items import Items
from tunelab.comparison.statistics import estimate_proportion
from tunelab.comparison.verdicts import test_mcnemar as find_mid_p
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_jsonl, write_jsonl
from tunelab.reporting.tables import list_main_metrics

PAIRED = ("ranking", "ranking_per_token")

AHEAD, SHORTER, BEHIND, TIED = (4.0, 4, 9.0, 3), (8.0, 8, 6.0, 2), (9.0, 3, 4.0, 4), (5.0, 5, 5.0, 5)


def build(root, runs=tuple(METHODS), seeds=(1,)):
    return StudyFolder(root, write_pairs(root, build_study(runs=runs, seeds=seeds)))


def find_implicit(study, run, seed=1):
    (row,) = [row for row in list_implicit(Items(study)) if (row.run, row.seed) == (run, seed)]
    return row


def test_planted_log_probabilities_give_the_accuracies_that_they_have(tmp_path):
    study = build(tmp_path)
    plant(study, "dpo", 1, [AHEAD] * 6 + [SHORTER] * 3 + [BEHIND] * 2 + [TIED])
    found = compare(study)
    rows = {metric: find_row(found.estimates, run="dpo", task="support", metric=metric) for metric in PAIRED}
    assert rows["ranking"].value == pytest.approx(6.5 / 12)
    assert rows["ranking_per_token"].value == pytest.approx(9.5 / 12)
    for row in rows.values():
        assert (row.n, row.interval) == (12, "clopper-pearson") and row.low < row.value < row.high
        assert row.sources == ["results/runs/dpo/seed1/support/losses.jsonl"]
    assert find_row(found.estimates, run="base", task="support", metric="ranking").n == 12
    assert found.paired == ["support"]


def test_a_tie_counts_half_in_a_share_of_any_size():
    for n in (10, 40):
        found = estimate_proportion([1.0, 0.5, *[0.0] * (n - 2)])
        assert found.value == 1.5 / n
        assert found.low < found.value < found.high
        assert estimate_proportion([0.5] + [0.0] * (n - 1)).low > 0 == estimate_proportion([0.0] * n).low


def test_runs_are_compared_pair_by_pair_as_on_other_shares(tmp_path):
    study = build(tmp_path)
    study.spec["comparison"] |= {"contrasts": [["dpo", "base"]], "margins": study.spec["comparison"]["margins"]}
    study.spec["comparison"]["margins"]["ranking"] = 0.07
    plant(study, "dpo", 1, [AHEAD] * 11 + [BEHIND])
    plant(study, "base", 0, [BEHIND] * 8 + [AHEAD] * 4)
    found = compare(study)
    for metric in PAIRED:
        row = find_row(found.contrasts, run="dpo", against="base", task="support", metric=metric)
        assert (row.value, row.wins, row.losses) == (pytest.approx(7 / 12), 8, 1)
        assert row.p == row.p_corrected == find_mid_p(8, 1)
        assert (row.verdict, row.margin, row.primary, row.declared) == ("better", 0.07, False, True)
    assert {row.metric for row in found.repeats if row.task == "support"} >= set(PAIRED)


def test_the_implicit_reward_prefers_what_gained_more_since_the_start(tmp_path):
    study = build(tmp_path)
    plant_gaps(study, "warmstart", 1, [-3.0] * 6 + [3.0] * 6)
    plant_gaps(study, "dpo", 1, [-1.0] * 6 + [2.0] * 3 + [3.0] * 2 + [4.0])
    row = find_implicit(study, "dpo")
    # six gained, though the rejected answer is still the likelier one; three lost, two are as they were, one gained
    assert row.accuracy.value == pytest.approx((6 + 2 / 2 + 1) / 12)
    assert (row.start, row.task, row.accuracy.n) == ("warmstart", "support", 12)
    assert row.sources == [f"results/runs/{run}/seed1/support/losses.jsonl" for run in ("dpo", "warmstart")]


def test_a_run_without_another_start_is_held_against_the_untouched_model_which_has_no_reward_itself(tmp_path):
    study = build(tmp_path, runs=("base", "lora"), seeds=(1, 2))
    plant_gaps(study, "base", 0, [0.0] * 12)
    plant_gaps(study, "lora", 1, [1.0] * 9 + [-1.0] * 3)
    plant_gaps(study, "lora", 2, [1.0] * 6 + [-1.0] * 6)
    rows = compare(study).implicit
    assert [(row.run, row.seed, row.accuracy.value) for row in rows] == [
        ("lora", 1, 0.75),
        ("lora", 2, 0.5),
        ("lora", None, 0.625),
    ]
    assert [len(row.sources) for row in rows] == [2, 2, 3]
    assert rows[1].sources == [f"results/runs/{place}/support/losses.jsonl" for place in ("lora/seed2", "base/seed0")]
    assert (rows[2].accuracy.interval, rows[2].start) == ("crossed", "base")


def test_without_its_start_in_the_study_a_run_has_no_reward_and_the_row_says_why(tmp_path):
    row = find_implicit(build(tmp_path, runs=("base", "dpo")), "dpo")
    assert (row.start, row.accuracy, row.sources) == (None, None, [])


def test_run_and_start_are_held_against_each_other_on_the_rows_of_both(tmp_path):
    study = build(tmp_path)
    study.spec["tasks"]["support"]["untaught_rows"] = 8
    file = study.task_file("warmstart", 1, "support", "losses.jsonl")
    write_jsonl(file, read_jsonl(file)[:8])
    assert find_implicit(study, "dpo").accuracy.n == 8


@pytest.mark.parametrize("label", [None, True])
def test_rows_that_are_no_pairs_have_none_of_it(tmp_path, label):
    study = StudyFolder(tmp_path, write_results(tmp_path, build_study(), rows=12))
    if label is not None:
        file = study.dataset_file("tech", "test_dataset.json")
        write_jsonl(file, [row | {"label": label} for row in read_jsonl(file)])
    found = compare(study)
    assert (found.paired, found.implicit) == ([], [])
    assert set(PAIRED).isdisjoint(row.metric for rows in (found.estimates, found.contrasts) for row in rows)
    assert "ranking" not in list_main_metrics(study, found)
