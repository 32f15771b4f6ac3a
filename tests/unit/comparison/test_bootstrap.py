import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.formula.api import ols

from tunelab.comparison import bootstrap, statistics
from tunelab.comparison.bootstrap import (
    Measured,
    cross_seeds,
    estimate_difference,
    estimate_parts,
    estimate_run,
    estimate_share,
    resample_differences,
)
from tunelab.errors import UserError
from tunelab.upkeep.interval_simulation import simulate_cell


def measure(values):
    return Measured(np.asarray(values, float), np.ones(np.shape(values)))


def draw_values(rng, seeds, items, between_seeds, between_items, rest):
    return (
        between_seeds * rng.normal(size=(seeds, 1))
        + between_items * rng.normal(size=(1, items))
        + rest * rng.normal(size=(seeds, items))
    )


def draw_losses(rng, seeds, items):
    tokens = np.tile(rng.integers(5, 80, size=items).astype(float), (seeds, 1))
    return Measured(tokens * rng.uniform(1, 3, size=(seeds, items)), tokens)


def test_one_seed_has_the_interval_over_items():
    losses = draw_losses(np.random.default_rng(1), 1, 60)
    (expected,) = statistics.estimate_ratios(losses.numerators.T, losses.denominators.T)
    assert estimate_run(losses) == expected


def test_the_value_of_several_seeds_is_the_mean_of_each_seeds_ratio():
    estimate = estimate_run(Measured(np.array([[1.0, 3.0], [2.0, 2.0]]), np.array([[1.0, 1.0], [1.0, 3.0]])))
    assert estimate.value == pytest.approx((4 / 2 + 4 / 4) / 2)
    assert (estimate.n, estimate.interval) == (2, "crossed")


def test_seeds_that_agree_have_the_interval_of_one_seed():
    values = np.random.default_rng(2).normal(size=(1, 200))
    one, three = estimate_run(measure(values)), estimate_run(measure(np.repeat(values, 3, axis=0)))
    assert (three.value, three.low, three.high) == pytest.approx((one.value, one.low, one.high), abs=0.005)


def test_items_that_agree_have_nearly_students_interval_over_seeds():
    seeds = np.array([0.1, 0.5, 0.7, 0.2, 0.9])
    estimate = estimate_run(measure(2 + np.repeat(seeds[:, None], 50, axis=1)))
    half = stats.t.ppf(0.975, 4) * seeds.std(ddof=1) / np.sqrt(5)
    assert (estimate.low, estimate.high) == pytest.approx((2.48 - half, 2.48 + half), abs=0.05)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_standard_error_adds_a_seed_part_and_an_item_part(seeds):
    values = draw_values(np.random.default_rng(3), seeds, 80, 0.3, 1.0, 0.5)
    result = bootstrap.cross_differences(measure(values), measure(np.zeros((1, 80))))
    seed_part, item_part = values.mean(axis=1).var(ddof=1) / seeds, values.mean(axis=0).var(ddof=1) / 80
    assert result.error**2 == pytest.approx(seed_part + item_part, rel=0.05)
    assert [part.freedom for part in result.parts] == [79, seeds - 1]
    critical = (item_part * stats.t.ppf(0.975, 79) + seed_part * stats.t.ppf(0.975, seeds - 1)) / (
        item_part + seed_part
    )
    assert result.find_critical(0.025) == pytest.approx(critical, rel=0.05)


# where Satterthwaite's degrees of freedom cover 87 to 90 %
@pytest.mark.parametrize(("values", "seeds", "ratio"), [("means", 2, 3), ("means", 3, 5), ("shares", 2, 5)])
def test_the_crossed_interval_covers_what_it_promises(values, seeds, ratio):
    assert simulate_cell(values, False, seeds, 200, ratio, studies=500) >= 0.935


def test_the_share_of_several_seeds_stays_between_zero_and_one():
    outcomes = np.repeat([[True], [False]], 20, axis=1)
    estimate = estimate_share(outcomes)
    assert (estimate.low, estimate.value, estimate.high) == (0.0, 0.5, 1.0)


def test_no_interval_goes_beyond_the_values_that_are_possible():
    losses = Measured(np.repeat([[1.0], [4.0]], 30, axis=1), np.ones((2, 30)))
    assert estimate_run(losses).low < 0
    bounded = estimate_run(losses._replace(span=(0.0, math.inf)))
    assert bounded.low == 0
    assert bounded.high == estimate_run(losses).high
    likeness = Measured(np.repeat([[0.1], [0.9]], 30, axis=1), np.ones((2, 30)), (0.0, 1.0))
    opposite = likeness._replace(numerators=1 - likeness.numerators)
    assert estimate_difference(likeness, opposite)[1:3] == (-1.0, 1.0)


def test_one_seeds_share_has_the_interval_of_a_proportion():
    outcomes = [True] * 5 + [False] * 35
    assert estimate_share(np.array([outcomes])) == statistics.estimate_proportion(outcomes)


def test_answers_that_are_all_wrong_are_not_certain_to_be_wrong_with_more_seeds():
    one, three = estimate_share(np.zeros((1, 8), bool)), estimate_share(np.zeros((3, 8), bool))
    assert (three.low, three.high) == (0.0, pytest.approx(one.high))
    assert three.interval == "crossed"


def test_a_share_that_seeds_disagree_on_keeps_its_crossed_interval():
    outcomes = np.random.default_rng(5).random((3, 200)) < np.array([[0.3], [0.5], [0.7]])
    assert estimate_share(outcomes) == estimate_run(measure(outcomes)._replace(span=(0.0, 1.0)))


def test_a_difference_of_one_seed_agrees_with_scipys_paired_bootstrap():
    rng = np.random.default_rng(6)
    first, second = draw_losses(rng, 1, 60), draw_losses(rng, 1, 60)

    def subtract(above, below, other_above, other_below, axis):
        return above.sum(axis=axis) / below.sum(axis=axis) - other_above.sum(axis=axis) / other_below.sum(axis=axis)

    data = (first.numerators[0], first.denominators[0], second.numerators[0], second.denominators[0])
    expected = stats.bootstrap(data, subtract, paired=True, method="percentile", rng=1).confidence_interval
    estimate = estimate_difference(first, second)
    assert estimate.value == pytest.approx(subtract(*data, axis=0))
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), abs=0.01)
    assert (estimate.n, estimate.interval) == (60, "paired-bootstrap")


def test_items_are_paired_so_that_what_both_runs_share_cancels():
    shared = np.random.default_rng(7).normal(size=(3, 40)) * 100
    estimate = estimate_difference(measure(shared + 0.5), measure(shared))
    assert (estimate.low, estimate.high) == pytest.approx((0.5, 0.5))
    assert estimate.interval == "crossed"


def test_seeds_are_paired_so_that_what_both_runs_share_cancels():
    seeds = np.array([[0.0], [50.0], [100.0]])
    values = np.random.default_rng(8).normal(size=(1, 40))
    estimate = estimate_difference(measure(seeds + values), measure(seeds + np.zeros((1, 40))))
    assert estimate.high - estimate.low < 1.0


def test_a_single_row_pairs_with_every_seed_as_if_it_were_repeated():
    rng = np.random.default_rng(9)
    trained, untouched = draw_losses(rng, 3, 30), draw_losses(rng, 1, 30)
    repeated = Measured(*(np.repeat(array, 3, axis=0) for array in untouched[:2]))
    assert estimate_difference(trained, untouched) == estimate_difference(trained, repeated)
    assert resample_differences(untouched, trained).shape == (10_000,)
    assert resample_differences(untouched, trained) == pytest.approx(-resample_differences(trained, untouched))


def test_draws_repeat_themselves():
    rng = np.random.default_rng(10)
    first, second = draw_losses(rng, 2, 30), draw_losses(rng, 2, 30)
    assert (resample_differences(first, second) == resample_differences(first, second)).all()


@pytest.mark.parametrize(("first", "second"), [((2, 30), (3, 30)), ((1, 30), (1, 29))])
def test_runs_that_cannot_be_paired_are_refused(first, second):
    with pytest.raises(ValueError):
        estimate_difference(measure(np.zeros(first)), measure(np.zeros(second)))


def test_one_item_has_no_known_error():
    assert bootstrap.cross_differences(measure([[1.0]]), measure([[0.0]])).error == np.inf
    assert cross_seeds(np.array([1.0, 2.0]), np.tile([1.0, 2.0], (10_000, 1)), 1).error == np.inf


def test_the_parts_are_those_of_the_analysis_of_variance():
    values = draw_values(np.random.default_rng(11), 4, 30, 0.5, 1.0, 0.7)
    frame = pd.DataFrame([(s, i, values[s, i]) for s in range(4) for i in range(30)], columns=["seed", "item", "value"])
    table = sm.stats.anova_lm(ols("value ~ C(seed) + C(item)", frame).fit())
    square = table["mean_sq"]
    parts = estimate_parts(values)
    assert parts.seed**2 == pytest.approx((square["C(seed)"] - square["Residual"]) / 30)
    assert parts.item**2 == pytest.approx((square["C(item)"] - square["Residual"]) / 4)
    assert parts.sampling**2 == pytest.approx(square["Residual"])


def test_the_parts_with_samples_are_those_of_the_analysis_of_variance():
    rng = np.random.default_rng(12)
    values = draw_values(rng, 3, 12, 0.5, 1.0, 0.4)[:, :, None] + 0.3 * rng.normal(size=(3, 12, 4))
    rows = [(s, i, values[s, i, k]) for s in range(3) for i in range(12) for k in range(4)]
    frame = pd.DataFrame(rows, columns=["seed", "item", "value"])
    square = sm.stats.anova_lm(ols("value ~ C(seed) * C(item)", frame).fit())["mean_sq"]
    parts = estimate_parts(values)
    assert parts.seed**2 == pytest.approx((square["C(seed)"] - square["C(seed):C(item)"]) / (12 * 4))
    assert parts.item**2 == pytest.approx((square["C(item)"] - square["C(seed):C(item)"]) / (3 * 4))
    assert parts.sampling**2 == pytest.approx(square["Residual"])


def test_the_parts_of_many_seeds_and_items_are_those_they_were_made_with():
    parts = estimate_parts(draw_values(np.random.default_rng(13), 300, 300, 0.5, 1.0, 0.7))
    assert parts == pytest.approx((0.5, 1.0, 0.7), rel=0.1)


def test_a_part_below_zero_is_none():
    assert estimate_parts(np.array([[0.0, 1.0], [1.0, 0.0]])) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("shape", [(1, 30), (3, 1)])
def test_one_seed_or_one_item_cannot_be_split(shape):
    with pytest.raises(UserError, match=r"study\.seeds.*prepare\.test"):
        estimate_parts(np.zeros(shape))


def test_equal_values_of_a_bounded_metric_leave_an_interval():
    for seeds in (1, 3):
        zeros = estimate_run(measure(np.zeros((seeds, 20)))._replace(span=(0.0, 1.0)))
        assert (zeros.low, zeros.high) == (0.0, pytest.approx(estimate_share(np.zeros((1, 40), bool)).high, abs=0.08))
        inside = estimate_run(measure(np.full((seeds, 20), 60.0))._replace(span=(0.0, 100.0)))
        assert 40 < inside.low < 60 < inside.high < 70
        assert inside.interval == "wilson"


def test_one_row_that_differs_does_not_make_a_mean_more_certain():
    none, one = np.zeros((1, 32)), np.zeros((1, 32))
    one[0, 0] = 0.02
    first, second = (estimate_run(measure(values)._replace(span=(0.0, 1.0))) for values in (none, one))
    assert (second.low, second.high) == pytest.approx((first.low, first.high), abs=0.002)
    several = np.linspace(0, 0.4, 32)[None]
    assert estimate_run(measure(several)._replace(span=(0.0, 1.0))).interval == "bootstrap"
