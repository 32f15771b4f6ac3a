import numpy as np
import pytest

from tunelab.comparison.bootstrap import Measured, estimate_difference
from tunelab.comparison.gains import Answers, GainParts, split_gain


def draw_run(rng, shape, layout_share, accuracy):
    """A run of which this share of answers has the layout, and that is right as often with it as without."""
    layout, right = rng.random(shape) < layout_share, rng.random(shape) < accuracy
    return Answers(layout, layout & right, right)


def build_run(*seeds, n=200):
    """A run whose first answers are strictly right, right by their last number, and in the layout: so many per seed."""

    def first(counts):
        return np.array([np.arange(n) < count for count in counts])

    strict, flexible, layout = zip(*seeds, strict=True)
    return Answers(first(layout), first(strict), first(flexible))


def tell(gain: GainParts):
    return gain.split, *(part and round(100 * part.value, 6) for part in gain[1:])


def test_a_gain_splits_by_the_layout_into_the_numbers_worked_out_by_hand():
    gain = split_gain(
        build_run((60, 60, 80), n=100), build_run((10, 10, 40), n=100)
    )  # layout .8, .4; given it .75, .25
    assert tell(gain) == ("layout", 50.0, 100 * 0.4 * 0.5, 100 * 0.6 * 0.5)


def test_a_start_that_never_writes_the_layout_but_is_right_at_times_leaves_most_of_the_gain_to_skill():
    untouched, trained = build_run((0, 19, 0)), build_run((86, 86, 196))
    assert tell(split_gain(trained, untouched)) == ("lenient", 43.0, 9.5, 33.5)
    assert tell(split_gain(untouched, trained)) == ("lenient", -43.0, -9.5, -33.5)


@pytest.mark.parametrize("layout", [200, 150])
def test_runs_that_write_the_layout_alike_differ_in_skill_alone(layout):
    gain = split_gain(build_run((90, 90, layout)), build_run((30, 30, layout)))
    assert tell(gain) == ("layout", 30.0, 0.0, 30.0)


def test_runs_of_equal_skill_of_which_one_writes_the_layout_differ_in_layout_alone():
    gain = split_gain(build_run((80, 80, 200)), build_run((0, 80, 0)))
    assert tell(gain) == ("lenient", 40.0, 40.0, 0.0)
    assert (gain.skill.low, gain.skill.high) == (0.0, 0.0)


def test_the_same_number_right_in_half_as_many_layouts_is_no_skill():
    gain = split_gain(build_run((50, 50, 200)), build_run((25, 50, 100)))
    assert tell(gain) == ("layout", 12.5, 12.5, 0.0)


@pytest.mark.parametrize(
    ("n", "layout", "split"),
    [(40, 4, "lenient"), (40, 5, "layout"), (200, 9, "lenient"), (200, 10, "layout")],
)
def test_fewer_than_five_answers_or_a_twentieth_of_them_do_not_tell_an_accuracy(n, layout, split):
    full, few = build_run((20, 20, n), n=n), build_run((3, 3, layout), n=n)
    assert split_gain(full, few).split == split_gain(few, full).split == split


def test_a_seed_without_the_layout_has_all_seeds_split_by_the_last_number():
    untouched = build_run((0, 10, 0))
    one_failed = build_run((80, 80, 200), (0, 20, 0))
    assert tell(split_gain(one_failed, untouched)) == ("lenient", 20.0, 0.0, 20.0)
    both = build_run((80, 80, 200), (40, 40, 160))
    assert split_gain(both, one_failed).split == split_gain(one_failed, both).split == "lenient"
    assert split_gain(both, both).split == "layout"


def test_a_last_number_that_misses_a_strictly_right_answer_does_not_tell_skill():
    """As in `<answer>- 18</answer>`: alone a sign, at the end of a text a bullet."""
    trained, untouched = build_run((80, 79, 200)), build_run((0, 20, 0))
    assert tell(split_gain(trained, untouched)) == (None, 40.0, None, None)
    assert tell(split_gain(untouched, trained)) == (None, -40.0, None, None)
    assert split_gain(trained, trained).split == "layout"


@pytest.mark.parametrize("shape", [(1, 60), (3, 60)])
@pytest.mark.parametrize(("layout", "split"), [(0.4, "layout"), (0.0, "lenient")])
def test_the_parts_add_up_to_the_gain(shape, layout, split):
    rng = np.random.default_rng(1)
    gain = split_gain(draw_run(rng, shape, 0.9, 0.5), draw_run(rng, shape, layout, 0.6))
    assert gain.split == split
    assert gain.layout.value + gain.skill.value == pytest.approx(gain.total.value, abs=1e-12)
    assert gain.layout.value > 0.2


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_total_has_the_interval_of_the_difference(seeds):
    rng = np.random.default_rng(2)
    first, second = draw_run(rng, (seeds, 60), 0.9, 0.5), draw_run(rng, (seeds, 60), 0.4, 0.6)
    ones = np.ones((seeds, 60))
    expected = estimate_difference(
        Measured(first.strict.astype(float), ones), Measured(second.strict.astype(float), ones)
    )
    assert split_gain(first, second).total == pytest.approx(expected)


@pytest.mark.parametrize(
    ("layout", "truth"), [(0.5, (0.54 - 0.2, 0.4 * 0.5, 0.7 * 0.2)), (0.0, (0.54, 0.54 - 0.2, 0.2))]
)
def test_the_intervals_of_the_parts_cover_what_they_promise(layout, truth):
    rng, covered = np.random.default_rng(3), np.zeros(3)
    for _ in range(60):
        gain = split_gain(draw_run(rng, (1, 80), 0.9, 0.6), draw_run(rng, (1, 80), layout, 0.4))
        covered += [part.low <= true <= part.high for part, true in zip(gain[1:], truth, strict=True)]
    assert (covered >= 52).all()


def test_resamples_without_the_layout_leave_an_interval_of_the_parts():
    gain = split_gain(build_run((30, 30, 40), n=40), build_run((2, 2, 5), n=40))
    assert gain.split == "layout"
    assert all(np.isfinite(part[:3]).all() and part.low < part.value < part.high for part in gain[1:])


def test_two_runs_that_are_never_right_have_no_gain():
    gain = split_gain(build_run((0, 0, 0)), build_run((0, 0, 0)))
    assert [part[:3] for part in gain[1:]] == [(0.0, 0.0, 0.0)] * 3


def test_an_untouched_run_pairs_with_every_seed():
    rng = np.random.default_rng(4)
    trained = draw_run(rng, (3, 40), 0.9, 0.5)
    for layout in (0.4, 0.0):
        untouched = draw_run(rng, (1, 40), layout, 0.6)
        repeated = Answers(*(np.tile(array, (3, 1)) for array in untouched))
        assert split_gain(trained, untouched) == split_gain(trained, repeated)
        assert split_gain(trained, untouched).layout.interval == "crossed"


def test_a_strictly_right_answer_without_the_layout_is_refused():
    with pytest.raises(ValueError, match="without the layout"):
        split_gain(build_run((5, 5, 4)), build_run((1, 1, 4)))
