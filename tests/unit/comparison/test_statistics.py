import numpy as np
import pytest
from scipy import stats

from tunelab.comparison.statistics import BOOTSTRAP_SEED, estimate_proportion, estimate_ratios
from tunelab.errors import UserError


def estimate_means(values, seed=BOOTSTRAP_SEED):
    return estimate_ratios(values, np.ones_like(np.asarray(values, float)), seed)


def draw_outcomes(count, n):
    return [i < count for i in range(n)]


@pytest.mark.parametrize(("count", "n"), [(0, 30), (1, 48), (24, 48), (48, 48), (700, 1319)])
def test_a_share_of_many_rows_has_wilsons_interval(count, n):
    estimate = estimate_proportion(draw_outcomes(count, n))
    expected = stats.binomtest(count, n).proportion_ci(method="wilson")
    assert estimate.interval == "wilson"
    assert (estimate.value, estimate.n) == (count / n, n)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("count", "n"), [(0, 1), (1, 1), (0, 9), (5, 9), (29, 29)])
def test_a_share_of_few_rows_has_the_exact_interval(count, n):
    estimate = estimate_proportion(draw_outcomes(count, n))
    expected = stats.binomtest(count, n).proportion_ci(method="exact")
    assert estimate.interval == "clopper-pearson"
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))


def test_intervals_end_exactly_at_the_borders():
    assert estimate_proportion([False] * 48).low == 0.0
    assert estimate_proportion([True] * 48).high == 1.0


def test_the_bootstrap_of_a_mean_agrees_with_scipys():
    values = np.random.default_rng(3).gamma(2.0, size=80)
    (estimate,) = estimate_means(values[:, None])
    expected = stats.bootstrap((values,), np.mean, n_resamples=10_000, method="percentile", rng=1).confidence_interval
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), abs=0.02)
    assert (estimate.n, estimate.interval) == (80, "bootstrap")


def test_the_bootstrap_of_a_mean_approaches_the_normal_interval():
    values = np.random.default_rng(4).normal(5.0, 2.0, size=2000)
    (estimate,) = estimate_means(values[:, None])
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert (estimate.low, estimate.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.01)


def test_the_bootstrap_of_a_ratio_agrees_with_scipys_paired_one():
    rng = np.random.default_rng(5)
    tokens = rng.integers(5, 200, size=60).astype(float)
    losses = tokens * rng.uniform(1.0, 3.0, size=60)

    def ratio(above, below, axis):
        return above.sum(axis=axis) / below.sum(axis=axis)

    expected = stats.bootstrap((losses, tokens), ratio, paired=True, method="percentile", rng=1).confidence_interval
    (estimate,) = estimate_ratios(losses[:, None], tokens[:, None])
    assert estimate.value == pytest.approx(losses.sum() / tokens.sum())
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), abs=0.02)


def test_the_bootstrap_repeats_itself_and_every_column_has_the_same_resamples():
    values = np.random.default_rng(6).normal(size=(40, 1))
    twice = estimate_means(np.hstack([values, values]))
    assert twice == estimate_means(np.hstack([values, values]))
    assert twice[0] == twice[1]
    assert twice[0] != estimate_means(values, seed=1)[0]


def test_rows_that_all_have_one_value_give_an_interval_of_no_width():
    (estimate,) = estimate_means(np.full((20, 1), 0.5))
    assert (estimate.low, estimate.value, estimate.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("estimate", [estimate_proportion, lambda rows: estimate_means(np.array(rows))])
def test_an_empty_test_set_is_refused_with_the_key_to_change(estimate):
    with pytest.raises(UserError, match=r"prepare\.test"):
        estimate([])
