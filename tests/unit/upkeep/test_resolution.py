"""What is said of test rows before a study runs: which differences they can show."""

import numpy as np
import pytest
from scipy import stats

from tests.unit.config.default_config import load
from tunelab.records import write_json
from tunelab.upkeep.resolution import find_detectable_mean, list_resolutions


def test_a_mean_is_found_as_often_as_the_power_says():
    rng, n = np.random.default_rng(0), 25
    draws = rng.normal(find_detectable_mean(n), 1, size=(4000, n))
    found = np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(0.8, abs=0.03)


def test_the_default_studys_test_rows_are_told_with_what_they_can_show():
    support, sums = list_resolutions(load())
    assert support.startswith("tasks.support has 64 test rows:\na paired test finds with 80% power")
    assert "differ by 15 points of accuracy" in support and "0.36 standard deviations" in support
    assert sums.startswith("tasks.sums has 200 test rows:") and "differ by 9 points of accuracy" in sums


def test_few_rows_are_called_few_and_shares_wait_for_the_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = "{study: {tasks: [support]}, datasets: {support: {prepare: {test: 8}}}}"
    (told,) = list_resolutions(load(few))
    assert "has 8 test rows, which are few" in told
    share = few.replace("8", "0.25")
    assert list(list_resolutions(load(share))) == []
    write_json(tmp_path / "results/datasets/support/data_card.json", {"rows": {"test": 31}})
    assert "has 31 test rows, which are few" in next(list_resolutions(load(share)))
    generated = "{study: {tasks: [sums]}, datasets: {sums: {prepare: {test: 0.5}}}}"
    assert "has 100 test rows" in next(list_resolutions(load(generated)))
