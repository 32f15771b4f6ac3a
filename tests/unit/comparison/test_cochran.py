import math

import numpy as np
import pytest
from scipy import stats

from tunelab.comparison.bootstrap import TAIL, Crossed, Measured, Variance, cross_differences
from tunelab.comparison.verdicts import compare_runs


def build(*parts):
    return Crossed(None, tuple(Variance(*part) for part in parts))


def test_one_part_has_students_t():
    one = build((4.0, 9))
    assert one.find_critical(0.025) == pytest.approx(stats.t.ppf(0.975, 9))
    assert one.find_tail(3.0) == pytest.approx(stats.t.sf(1.5, 9))
    assert one.find_tail(-3.0) == pytest.approx(stats.t.cdf(1.5, 9))


def test_two_parts_have_the_mean_of_their_critical_values_by_their_variances():
    assert build((3.0, 60), (1.0, 1)).find_critical(0.025) == pytest.approx(0.75 * 2.0003 + 0.25 * 12.7062, abs=1e-4)


@pytest.mark.parametrize("tail", [0.4, 0.025, 1e-6])
def test_the_p_of_a_critical_value_is_the_probability_that_it_belongs_to(tail):
    both = build((3.0, 60), (1.0, 2))
    assert both.find_tail(2 * both.find_critical(tail)) == pytest.approx(tail)


def test_what_cannot_vary_is_certain_and_one_item_says_nothing():
    assert [build((0.0, 9), (0.0, 1)).find_tail(distance) for distance in (0.1, 0.0, -0.1)] == [0.0, 1.0, 1.0]
    assert build((math.inf, 1), (1.0, 1)).find_tail(5.0) == pytest.approx(0.5)


@pytest.mark.parametrize("shift", [0.5, 1.1, 1.3, 3.0])
def test_interval_and_verdict_agree(shift):
    # two seeds 0.2 apart, items that hardly vary
    values = [[shift + seed + item for item in (-0.01, 0.0, 0.01) * 20] for seed in (0.0, 0.2)]
    first, second = (Measured(np.array(rows), np.ones((len(rows), 60))) for rows in (values, [[0.0] * 60]))
    crossed, contrast = cross_differences(first, second), compare_runs(first, second, 0.1, False)
    reach = crossed.error * crossed.find_critical(TAIL)
    assert (abs(contrast.value) > reach) == (2 * crossed.find_tail(abs(contrast.value)) < 0.05)
    assert contrast.p >= 2 * crossed.find_tail(abs(contrast.value))
