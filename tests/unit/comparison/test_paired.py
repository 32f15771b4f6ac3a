import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from tunelab.comparison import verdicts


@pytest.mark.parametrize(("wins", "losses"), [(0, 3), (6, 1), (1, 12), (20, 33), (150, 120)])
def test_the_mid_p_is_the_exact_p_less_the_probability_of_what_was_seen(wins, losses):
    exact = mcnemar([[0, wins], [losses, 0]], exact=True).pvalue
    expected = exact - stats.binom.pmf(wins, wins + losses, 0.5)
    assert verdicts.test_mcnemar(wins, losses) == pytest.approx(expected)
    assert verdicts.test_mcnemar(losses, wins) == pytest.approx(expected)


def test_the_mid_p_of_eight_pairs_is_the_one_counted_by_hand():
    assert verdicts.test_mcnemar(1, 7) == pytest.approx(2 * (1 + 8 / 2) / 2**8)  # 0 wins, half of 8 ways to win 1


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 1), (40, 40)])
def test_as_many_wins_as_losses_are_no_evidence(wins, losses):
    assert verdicts.test_mcnemar(wins, losses) == pytest.approx(1.0)


@pytest.mark.parametrize(("n", "discordance"), [(50, 0.1), (200, 0.1), (200, 0.3)])
def test_mcnemar_keeps_its_level_without_being_needlessly_strict(n, discordance):
    size = 0.0
    for pairs in range(n + 1):
        likelihood = stats.binom.pmf(pairs, n, discordance)
        if likelihood > 1e-6:
            wins = np.arange(pairs + 1)
            rejected = [verdicts.test_mcnemar(int(count), int(pairs - count)) < 0.05 for count in wins]
            size += likelihood * stats.binom.pmf(wins, pairs, 0.5)[rejected].sum()
    assert 0.02 < size <= 0.051


@pytest.mark.parametrize(
    ("wins", "losses", "n", "confidence", "low", "high"),
    [(9, 3, 32, 0.95, -0.027, 0.390), (0, 1, 44, 0.90, -0.096, 0.037)],
)
def test_the_score_interval_is_the_one_tango_printed(wins, losses, n, confidence, low, high):
    assert verdicts.estimate_score_interval(wins, losses, n, confidence) == pytest.approx((low, high), abs=0.0005)


def find_score(wins, losses, n, difference):
    """Tango's statistic with the nuisance share found by maximising the likelihood numerically."""

    def unlikeliness(loss_share):
        shares = np.array([loss_share + difference, loss_share, 1 - 2 * loss_share - difference])
        return -(np.array([wins, losses, n - wins - losses]) * np.log(shares)).sum()

    bounds = (max(0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12)
    loss_share = optimize.minimize_scalar(unlikeliness, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return (wins - losses - n * difference) / np.sqrt(n * (2 * loss_share + difference - difference**2))


@pytest.mark.parametrize(("wins", "losses", "n"), [(9, 3, 32), (1, 7, 21), (25, 28, 618), (120, 80, 1319)])
def test_the_score_interval_ends_where_the_score_test_rejects(wins, losses, n):
    low, high = verdicts.estimate_score_interval(wins, losses, n, 0.95)
    assert find_score(wins, losses, n, low) == pytest.approx(1.959964, abs=1e-3)
    assert find_score(wins, losses, n, high) == pytest.approx(-1.959964, abs=1e-3)


def test_the_score_interval_has_a_width_when_no_pair_is_discordant():
    half = 1.959964**2 / (8 + 1.959964**2)
    assert verdicts.estimate_score_interval(0, 0, 8, 0.95) == pytest.approx((-half, half))


def test_the_score_interval_ends_at_the_border_when_one_run_wins_everything():
    low, high = verdicts.estimate_score_interval(10, 0, 10, 0.95)
    assert high == 1.0
    assert find_score(10 - 1e-9, 0, 10, low) == pytest.approx(1.959964, abs=1e-3)
    assert verdicts.estimate_score_interval(0, 10, 10, 0.95) == pytest.approx((-1.0, -low))


def test_the_score_interval_of_a_handful_of_discordant_pairs_is_close_to_that_of_nearly_none():
    assert verdicts.estimate_score_interval(1e-7, 0, 40, 0.95) == pytest.approx(
        verdicts.estimate_score_interval(0, 0, 40, 0.95), abs=1e-5
    )


@pytest.mark.parametrize(("wins", "losses", "n"), [(0, 0, 8), (3, 3, 200), (10, 14, 900), (30, 2, 500)])
def test_the_equivalence_p_is_the_level_at_which_the_interval_touches_the_margin(wins, losses, n):
    low, high = verdicts.estimate_score_interval(wins, losses, n, 0.9)
    assert verdicts.test_equivalence(wins, losses, n, max(-low, high)) == pytest.approx(0.05)


def test_eight_pairs_without_a_difference_do_not_show_equivalence_but_a_thousand_do():
    assert verdicts.test_equivalence(0, 0, 8, 0.02) > 0.3
    assert verdicts.test_equivalence(0, 0, 1319, 0.02) < 1e-6
    assert verdicts.test_equivalence(0, 0, 8, 1.0) == 0.0
    assert verdicts.test_equivalence(8, 0, 8, 0.5) == pytest.approx(stats.norm.cdf(find_score(8, 0, 8, 0.5)), abs=1e-3)


def subtract_ratios(first_above, first_below, second_above, second_below):
    return first_above.sum() / first_below.sum() - second_above.sum() / second_below.sum()


def draw_losses(n, shift):
    rng = np.random.default_rng(n)
    first_tokens, second_tokens = rng.integers(5, 60, size=(2, n)).astype(float)
    first, second = first_tokens * rng.uniform(1, 3, size=n), second_tokens * (rng.uniform(1, 3, size=n) + shift)
    return first, first_tokens, second, second_tokens


def permute_with_scipy(first, first_tokens, second, second_tokens, **options):
    def statistic(at_first, at_second):
        above, below = np.stack([first, second], axis=1), np.stack([first_tokens, second_tokens], axis=1)
        at, rows = at_first.astype(int), np.arange(len(first))
        other = at_second.astype(int)
        return subtract_ratios(above[rows, at], below[rows, at], above[rows, other], below[rows, other])

    places = (np.zeros(len(first)), np.ones(len(first)))
    return stats.permutation_test(places, statistic, permutation_type="samples", vectorized=False, **options).pvalue


@pytest.mark.parametrize(("n", "shift"), [(2, 0.0), (7, 0.3), (10, 0.8)])
def test_every_swap_of_a_few_items_gives_scipys_p(n, shift):
    losses = draw_losses(n, shift)
    assert verdicts.test_swaps(*losses) == pytest.approx(permute_with_scipy(*losses))


def test_random_swaps_of_many_items_give_scipys_p():
    losses = draw_losses(40, 0.4)
    expected = permute_with_scipy(*losses, n_resamples=9999, rng=np.random.default_rng(2))
    assert 0.03 < expected < 0.07
    assert verdicts.test_swaps(*losses) == pytest.approx(expected, abs=0.01)


def test_swaps_of_a_mean_agree_with_the_paired_t_test():
    rng = np.random.default_rng(8)
    first, second = rng.normal(0.15, 1.0, size=200), rng.normal(0.0, 1.0, size=200)
    ones = np.ones(200)
    assert verdicts.test_swaps(first, ones, second, ones) == pytest.approx(
        stats.ttest_rel(first, second).pvalue, abs=0.02
    )


def test_swaps_of_shares_give_the_exact_mcnemar_p():
    first, second, ones = np.array([1, 1, 1, 1, 1, 0, 1, 0]), np.array([0, 0, 0, 0, 0, 1, 1, 0]), np.ones(8)
    assert verdicts.test_swaps(first, ones, second, ones) == pytest.approx(stats.binomtest(1, 6).pvalue)


def test_runs_that_are_equal_but_for_the_order_of_items_are_not_different():
    first, ones = np.array([0.1, 0.2, 0.3] * 10), np.ones(30)
    assert verdicts.test_swaps(first, ones, first, ones) == 1.0
    assert verdicts.test_swaps(first, ones, first[::-1], ones) == 1.0


def test_a_difference_that_no_swap_reaches_has_the_smallest_p():
    ones = np.ones(100)
    assert verdicts.test_swaps(ones, ones, 0 * ones, ones) == 1 / 10_001
