import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from tunelab.comparison import verdicts
from tunelab.comparison.bootstrap import Measured, estimate_difference
from tunelab.comparison.power import find_detectable_share
from tunelab.comparison.verdicts import compare_runs, correct_family, decide_verdict


def measure(values, **span):
    values = np.atleast_2d(np.asarray(values, float))
    return Measured(values, np.ones_like(values), **span)


def measure_drawn(values):
    return measure(values, span=(0.0, 1.0))


def build_shares(wins, losses, n, seeds=1):
    """Two runs that differ in the first `wins` and the next `losses` items and are both right in half of the rest."""
    first, second = np.zeros(n), np.zeros(n)
    first[:wins] = second[wins : wins + losses] = 1
    first[wins + losses :: 2] = second[wins + losses :: 2] = 1
    return measure([first] * seeds), measure([second] * seeds)


def test_shares_of_one_seed_have_mcnemars_p_and_a_paired_interval():
    first, second = build_shares(60, 30, 400)
    contrast = compare_runs(first, second, 0.02, is_share=True)
    assert contrast[:3] == pytest.approx(estimate_difference(first, second)[:3])
    assert (contrast.n, contrast.seeds, contrast.interval) == (400, 1, "paired-bootstrap")
    assert contrast.p == verdicts.test_mcnemar(60, 30)
    assert (contrast.wins, contrast.losses) == (60, 30)
    assert contrast.p_equivalence > 0.9


def test_few_discordant_pairs_have_the_score_interval():
    contrast = compare_runs(*build_shares(3, 0, 400), 0.02, is_share=True)
    assert contrast.interval == "tango"
    assert (contrast.low, contrast.high) == pytest.approx(verdicts.estimate_score_interval(3, 0, 400, 0.95))


def test_two_runs_that_are_wrong_on_all_of_eight_items_are_not_equivalent():
    for seeds in (1, 3):
        wrong = measure(np.zeros((seeds, 8)))
        contrast = compare_runs(wrong, wrong, 0.02, is_share=True)
        assert contrast.p_equivalence == verdicts.test_equivalence(0, 0, 8, 0.02) > 0.3
        assert contrast.p == 1.0
        assert contrast.low < -0.3 and contrast.high > 0.3
        assert contrast.smallest_detectable > 0.5


def test_two_runs_that_agree_on_a_thousand_items_are_equivalent():
    contrast = compare_runs(*build_shares(4, 5, 1319), 0.02, is_share=True)
    assert decide_verdict(contrast.value, contrast.p, contrast.p_equivalence, "higher") == "equivalent"


def test_seeds_do_not_multiply_the_items():
    one = compare_runs(*build_shares(2, 2, 60), 0.1, is_share=True)
    three = compare_runs(*build_shares(2, 2, 60, seeds=3), 0.1, is_share=True)
    assert three.p_equivalence >= verdicts.test_equivalence(2, 2, 60, 0.1)
    assert (three.low, three.high) == pytest.approx((one.low, one.high))
    assert (three.wins, three.losses, three.n, three.seeds) == (6, 6, 60, 3)


def test_few_items_are_not_made_significant_by_seeds():
    contrast = compare_runs(*build_shares(3, 0, 3, seeds=3), 0.02, is_share=True)
    assert contrast.p == pytest.approx(2 / 2**3)


def test_two_seeds_that_agree_by_chance_are_not_significant():
    noise = 0.01 * np.random.default_rng(1).normal(size=(2, 300))
    first = measure(np.array([[0.1], [0.5]]) + noise)
    contrast = compare_runs(first, measure(np.zeros(300)), 0.02, is_share=False)
    assert contrast.p >= stats.ttest_1samp([0.1, 0.5], 0).pvalue - 0.01 > 0.3
    assert contrast.low < 0 < contrast.high
    assert contrast.interval == "crossed"


def test_a_mean_of_one_seed_has_the_p_of_swaps():
    rng = np.random.default_rng(2)
    first, second = measure(rng.normal(0.3, 1, size=100)), measure(rng.normal(size=100))
    contrast = compare_runs(first, second, 0.02, is_share=False)
    assert contrast.p == verdicts.test_swaps(first.numerators[0], np.ones(100), second.numerators[0], np.ones(100))
    assert (contrast.wins, contrast.losses) == (None, None)


def test_the_equivalence_of_means_is_that_of_two_one_sided_t_tests():
    rng = np.random.default_rng(3)
    values = rng.normal(0.05, 1.0, size=100)
    expected = DescrStatsW(values).ttost_mean(-0.25, 0.25)[0]
    contrast = compare_runs(measure(values), measure(np.zeros(100)), 0.25, is_share=False)
    assert contrast.p_equivalence == pytest.approx(expected, abs=0.01)
    assert 0.01 < expected < 0.2


def test_a_difference_beyond_the_margin_is_never_equivalent():
    values = np.random.default_rng(4).normal(-0.5, 0.1, size=200)
    assert compare_runs(measure(values), measure(np.zeros(200)), 0.25, is_share=False).p_equivalence == 1.0


@pytest.mark.parametrize("span", [(-math.inf, math.inf), (0.0, 100.0)])
@pytest.mark.parametrize("seeds", [1, 3])
def test_few_equal_rows_are_not_equivalent(span, seeds):
    for n in (1, 2, 3, 5, 7, 8, 30):
        values = measure(np.tile(np.linspace(1, 2, n), (seeds, 1)), span=span)
        compared = compare_runs(values, values, 0.1, is_share=False)
        assert (compared.p_equivalence < 0.05) is (n >= 8 and not math.isfinite(span[0]))
        assert compared.low < 0 < compared.high or not math.isfinite(span[0])


@pytest.mark.parametrize(("n", "shown"), [(32, False), (200, True)])
@pytest.mark.parametrize("unlike", [0, 1, 4])
def test_rows_that_are_nearly_all_equal_show_no_more_than_those_of_a_share(n, shown, unlike):
    """Whatever the verdict, it agrees with the interval."""
    first, second = np.zeros(n), np.zeros(n)
    first[:unlike] = 0.01
    compared = compare_runs(measure_drawn(first), measure_drawn(second), 0.02, is_share=False)
    share = compare_runs(*build_shares(0, 0, n), 0.02, is_share=True)
    assert (compared.interval, compared.p_equivalence < 0.05) == ("tango", shown)
    assert (compared.low, compared.high) == pytest.approx((share.low, share.high), abs=0.003)
    assert (compared.high < 0.02) is shown


def test_a_lone_item_can_show_no_difference():
    one = measure([2.5])
    assert compare_runs(one, one, 0.1, is_share=False).smallest_detectable == math.inf


@pytest.mark.parametrize(("n", "shown"), [(40, False), (200, True)])
def test_draws_that_are_equal_throughout_show_no_more_than_as_many_equal_shares(n, shown):
    share = compare_runs(*build_shares(0, 0, n), 0.02, is_share=True)
    for values in (np.zeros(n), np.full(n, 1 / 3)):
        drawn = compare_runs(measure_drawn(values), measure_drawn(values), 0.02, is_share=False, is_drawn=True)
        assert (drawn.p_equivalence < 0.05) is shown
        assert (drawn.value, drawn.low, drawn.high) == pytest.approx((0.0, share.low, share.high))
        assert (drawn.interval, drawn.smallest_detectable) == ("tango", share.smallest_detectable)


def test_draws_that_differ_alike_on_every_question_leave_an_interval():
    drawn = compare_runs(*map(measure_drawn, (np.full(20, 0.75), np.full(20, 0.5))), 0.02, False, is_drawn=True)
    assert (drawn.value, drawn.interval) == (0.25, "tango") and drawn.p < 0.001
    assert 0 < drawn.low < 0.25 < drawn.high < 0.6
    low, high = compare_runs(*map(measure_drawn, (np.ones(20), np.zeros(20))), 0.02, False, is_drawn=True)[1:3]
    assert 0.5 < low < high == 1.0


def test_draws_that_differ_keep_the_bootstraps_interval():
    first, second = measure(np.linspace(0, 1, 400)), measure(np.full(400, 0.5))
    drawn = compare_runs(first, second, 0.3, is_share=False, is_drawn=True)
    assert drawn == compare_runs(first, second, 0.3, is_share=False)


def test_a_comparison_turned_round_has_the_same_evidence():
    rng = np.random.default_rng(5)
    first, second = measure(rng.random((3, 50)) < 0.6), measure(rng.random((3, 50)) < 0.4)
    there, back = compare_runs(first, second, 0.1, is_share=True), compare_runs(second, first, 0.1, is_share=True)
    assert (back.value, back.p, back.wins) == pytest.approx((-there.value, there.p, there.losses))
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=1e-9)


@pytest.mark.parametrize(("discordance", "expected"), [(0.1, 0.024), (0.2, 0.035), (0.3, 0.042)])
def test_the_smallest_detectable_difference_of_shares_is_the_known_one(discordance, expected):
    assert find_detectable_share(discordance, 1319) == pytest.approx(expected, abs=0.0007)


@pytest.mark.parametrize(("discordance", "n", "power"), [(0.1, 1319, 0.8), (0.3, 200, 0.8), (0.0, 200, 0.9)])
def test_mcnemar_finds_the_smallest_detectable_difference_four_times_in_five(discordance, n, power):
    difference = find_detectable_share(discordance, n)
    discordance = max(discordance, difference)
    shares = [(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance]
    counts = np.random.default_rng(6).multinomial(n, shares, size=2000)
    found = [verdicts.test_mcnemar(wins, losses) < 0.05 for wins, losses, _ in counts]
    # Where every discordant pair goes one way, the normal approximation behind the formula is cautious.
    assert np.mean(found) == pytest.approx(power, abs=0.04)


@pytest.mark.parametrize("n", [1, 3])
def test_so_few_items_detect_no_difference_of_shares(n):
    assert find_detectable_share(0.0, n) == 1.0


def test_a_t_test_finds_the_smallest_detectable_difference_of_means_four_times_in_five():
    rng = np.random.default_rng(7)
    values = rng.normal(size=40)
    difference = compare_runs(measure(values), measure(np.zeros(40)), 0.1, is_share=False).smallest_detectable
    draws = rng.normal(difference, values.std(ddof=1), size=(4000, 40))
    assert np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05) == pytest.approx(0.8, abs=0.04)


def test_the_smallest_detectable_difference_of_several_seeds_counts_their_spread():
    rng = np.random.default_rng(8)
    noise, zeros = 0.1 * rng.normal(size=(3, 200)), measure(np.zeros(200))
    calm = compare_runs(measure(noise), zeros, 0.1, is_share=False).smallest_detectable
    wild = compare_runs(
        measure(noise + np.array([[-0.2], [0.0], [0.2]])), zeros, 0.1, is_share=False
    ).smallest_detectable
    assert wild > 10 * calm


def test_a_family_is_corrected_by_holm():
    assert correct_family([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert correct_family([]) == []
    for drawn in (np.random.default_rng(seed).random(seed) ** 3 for seed in range(1, 9)):
        assert correct_family(drawn.tolist()) == multipletests(drawn, method="holm")[1].tolist()


@pytest.mark.parametrize(
    ("value", "p", "p_equivalence", "better", "verdict"),
    [
        (0.2, 0.01, 0.9, "higher", "better"),
        (-0.2, 0.01, 0.9, "higher", "worse"),
        (0.2, 0.01, 0.9, "lower", "worse"),
        (-0.2, 0.01, 0.9, "lower", "better"),
        (0.01, 0.01, 0.01, "higher", "equivalent"),
        (0.01, 0.6, 0.01, "lower", "equivalent"),
        (0.2, 0.06, 0.06, "higher", "undecided"),
    ],
)
def test_a_verdict_is_one_of_four_words(value, p, p_equivalence, better, verdict):
    assert decide_verdict(value, p, p_equivalence, better) == verdict
