import numpy as np
import pytest

from tunelab.comparison.crossed import Measured, estimate_difference
from tunelab.comparison.gains import split_gain


def draw_run(rng, shape, format_share, accuracy):
    has_format = rng.random(shape) < format_share
    return has_format, has_format & (rng.random(shape) < accuracy)


def build_run(right, formatted, n):
    """A run whose first `right` answers are strictly right, of `formatted` that have the format."""
    return np.arange(n) < formatted, np.arange(n) < right


def test_a_gain_splits_into_the_numbers_worked_out_by_hand():
    gain = split_gain(*build_run(6, 8, 10), *build_run(1, 4, 10))  # f 0.8 and 0.4, c 0.75 and 0.25
    assert gain.total.value == pytest.approx(0.5)
    assert gain.format.value == pytest.approx(0.4 * 0.5)
    assert gain.reasoning.value == pytest.approx(0.6 * 0.5)


@pytest.mark.parametrize("shape", [(60,), (3, 60)])
def test_the_parts_add_up_to_the_gain(shape):
    rng = np.random.default_rng(1)
    gain = split_gain(*draw_run(rng, shape, 0.9, 0.5), *draw_run(rng, shape, 0.4, 0.6))
    assert gain.format.value + gain.reasoning.value == pytest.approx(gain.total.value, abs=1e-12)
    assert gain.format.value > 0.2


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_total_has_the_interval_of_the_difference(seeds):
    rng = np.random.default_rng(2)
    first, second = draw_run(rng, (seeds, 60), 0.9, 0.5), draw_run(rng, (seeds, 60), 0.4, 0.6)
    ones = np.ones((seeds, 60))
    expected = estimate_difference(Measured(first[1].astype(float), ones), Measured(second[1].astype(float), ones))
    assert split_gain(*first, *second).total == pytest.approx(expected)


def test_the_intervals_of_the_parts_cover_what_they_promise():
    rng, covered = np.random.default_rng(3), np.zeros(3)
    for _ in range(60):
        gain = split_gain(*draw_run(rng, 80, 0.9, 0.6), *draw_run(rng, 80, 0.5, 0.4))
        truth = (0.54 - 0.2, 0.4 * 0.5, 0.7 * 0.2)
        covered += [part.low <= true <= part.high for part, true in zip(gain, truth, strict=True)]
    assert (covered >= 52).all()


def test_runs_that_always_have_the_format_differ_in_reasoning_alone():
    gain = split_gain(*build_run(30, 40, 40), *build_run(10, 40, 40))
    assert (gain.format.value, gain.format.low, gain.format.high) == (0.0, 0.0, 0.0)
    assert gain.reasoning == gain.total
    assert gain.reasoning.interval == "paired-bootstrap"


@pytest.mark.parametrize(("first", "second", "sign"), [((10, 20), (0, 0), 1), ((0, 0), (10, 20), -1)])
def test_a_run_that_never_has_the_format_differs_in_format_alone(first, second, sign):
    gain = split_gain(*build_run(*first, 40), *build_run(*second, 40))
    assert gain.format == gain.total
    assert gain.total.value == pytest.approx(sign * 0.25)
    assert gain.reasoning[:3] == (0.0, 0.0, 0.0)


def test_two_runs_that_never_have_the_format_have_no_gain():
    gain = split_gain(*build_run(0, 0, 40), *build_run(0, 0, 40))
    assert [part[:3] for part in gain] == [(0.0, 0.0, 0.0)] * 3


def test_an_untouched_run_pairs_with_every_seed():
    rng = np.random.default_rng(4)
    trained, untouched = draw_run(rng, (3, 40), 0.9, 0.5), draw_run(rng, 40, 0.4, 0.6)
    repeated = [np.tile(array, (3, 1)) for array in untouched]
    assert split_gain(*trained, *untouched) == split_gain(*trained, *repeated)
    assert split_gain(*trained, *untouched).format.interval == "crossed"


def test_a_strictly_right_answer_without_the_format_is_refused():
    with pytest.raises(ValueError, match="without the format"):
        split_gain(*build_run(5, 4, 10), *build_run(1, 4, 10))
