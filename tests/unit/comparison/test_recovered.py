import numpy as np
import pytest

from tests.unit.comparison.results_factory import METHODS, build_study, write_results
from tunelab.comparison.bootstrap import Measured
from tunelab.comparison.gains import estimate_recovered, list_recovered
from tunelab.comparison.items import Items
from tunelab.jobs.layout import StudyFolder


def draw(rng, chances, n=300, skill=0.0):
    """One row of right and wrong answers per chance; questions differ in how hard they are."""
    hardness = rng.normal(0, 0.1, n)
    right = rng.random((len(chances), n)) < np.array(chances)[:, None] + hardness + skill
    return Measured(right.astype(float), np.ones(right.shape), (0.0, 1.0))


def build(shares, n=100):
    """Runs of which the first so many questions are right."""
    rows = np.array([np.arange(n) < share * n for share in shares], float)
    return Measured(rows, np.ones_like(rows), (0.0, 1.0))


def test_the_share_is_the_students_gain_over_the_teachers():
    found = estimate_recovered(build([0.5]), build([0.7]), build([0.2]))
    assert found.value == pytest.approx(0.6)
    assert found.low < 0.6 < found.high
    assert (found.n, found.interval) == (100, "fieller")


def test_a_student_that_is_its_teacher_has_recovered_all_and_one_that_stayed_nothing():
    teacher, start = build([0.7, 0.68]), build([0.2])
    assert estimate_recovered(teacher, teacher, start)[:3] == pytest.approx((1.0, 1.0, 1.0), abs=1e-3)
    stayed = estimate_recovered(build([0.2, 0.2]), teacher, start)
    assert stayed[:3] == pytest.approx((0.0, 0.0, 0.0), abs=1e-3)


def test_a_loss_that_falls_is_a_gain_too():
    nats = np.array([[2.0, 2.2, 1.8, 2.4] * 10])
    runs = [Measured(nats * scale, np.ones_like(nats)) for scale in (0.7, 0.5, 1.0)]
    assert estimate_recovered(*runs).value == pytest.approx(0.6)


@pytest.mark.parametrize("teacher", [0.2, 0.22])
def test_a_teacher_whose_gain_is_within_chance_has_no_share_to_give(teacher):
    rng = np.random.default_rng(1)
    assert estimate_recovered(draw(rng, [0.5]), draw(rng, [teacher]), draw(rng, [0.2])) is None


def test_the_interval_covers_what_it_promises():
    rng, covered, told = np.random.default_rng(2), 0, 0
    for _ in range(60):
        runs = [draw(rng, chances, 150) for chances in ([0.45], [0.6], [0.3])]
        if found := estimate_recovered(*runs):
            told += 1
            covered += found.low <= 0.5 <= found.high
    assert told > 55
    assert covered / told > 0.88


def list_shares(root, **edits):
    study = build_study(runs=tuple(METHODS), seeds=(1, 2))
    study["runs"]["distilled"] |= edits
    items = Items(StudyFolder(root, write_results(root, study)))
    return [(row.run, row.teacher, row.start, row.task, row.share) for row in list_recovered(items)]


def test_a_student_is_held_against_its_own_start_on_the_task_that_it_was_taught(tmp_path):
    [(run, teacher, start, task, share)] = list_shares(tmp_path)
    assert (run, teacher, start, task) == ("distilled", "grpo", "base", "arithmetic")
    assert 0 < share.low < share.value < share.high


def test_no_share_is_told_of_a_teacher_that_gained_nothing_or_is_not_in_the_study(tmp_path):
    [(_, _, start, _, share)] = list_shares(tmp_path / "a", init_from="warmstart")
    assert (start, share) == ("warmstart", None)
    assert list_shares(tmp_path / "b", teacher="elsewhere") == []
