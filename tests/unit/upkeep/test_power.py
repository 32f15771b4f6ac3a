"""Before a study runs, it is said which differences its test rows can show."""

import numpy as np
import pytest
from scipy import stats

from tests.unit.config.default_config import load
from tunelab.comparison.power import find_detectable_mean
from tunelab.upkeep.power import list_resolutions


def test_a_mean_is_found_as_often_as_the_power_says():
    rng, n = np.random.default_rng(0), 25
    draws = rng.normal(find_detectable_mean(n), 1, size=(4000, n))
    found = np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(0.8, abs=0.03)


def test_the_default_studys_test_rows_are_told_with_what_they_can_show():
    title, support, sums = list_resolutions(load())
    assert title.startswith("Smallest differences that the test rows show (paired test, 80% power, runs that disagree")
    assert support == "  support: 64 rows, 15 points of accuracy, or 0.36 standard deviations of a mean such as ROUGE-L"
    assert sums == "  sums: 200 rows, 9 points of accuracy, or 0.20 standard deviations of a mean such as ROUGE-L"


def test_few_rows_are_called_few_and_shares_wait_for_the_rows():
    few = "{study: {tasks: [support]}, datasets: {support: {prepare: {test: 8}}}}"
    assert "8 rows (few), 72 points" in list(list_resolutions(load(few)))[1]
    share = few.replace("8", "0.25")
    assert list(list_resolutions(load(share))) == []
    generated = "{study: {tasks: [sums]}, datasets: {sums: {prepare: {test: 0.5}}}}"
    assert "100 rows," in list(list_resolutions(load(generated)))[1]
