"""The time left is shown if it is known, and nothing if it is not."""

from pathlib import Path

import pytest

from tunelab.watching.timeleft import PlannedJob, TimeLeft


def job(rule="train", seconds=None, causes=(), **claims):
    return PlannedJob("a title", rule, Path("a.log"), seconds, claims or {"_cores": 1.0}, frozenset(causes))


def tell(*jobs, elapsed=None):
    return TimeLeft(dict(enumerate(jobs))).tell(elapsed or {})


def test_jobs_that_take_turns_are_added_up():
    assert tell(job(seconds=120), job(seconds=180)) == "about 5 min left"
    assert tell(job(seconds=4000), job(seconds=800)) == "about 1 h 20 min left"
    assert tell(job(seconds=20), job(seconds=30)) == "less than a minute left"


def test_jobs_that_fit_side_by_side_take_half_the_time():
    assert tell(*[job(seconds=300, _cores=0.5)] * 2) == "about 5 min left"


def test_the_scarcest_resource_decides():
    assert tell(*[job(seconds=300, _cores=0.1, gpu=1.0)] * 2) == "about 10 min left"


def test_jobs_that_wait_for_each_other_do_not_run_side_by_side():
    assert tell(job(seconds=300, _cores=0.1), job(seconds=300, causes={0}, _cores=0.1)) == "about 10 min left"


def test_what_a_running_job_has_taken_is_over():
    assert tell(job(seconds=300), elapsed={0: 180}) == "about 2 min left"


def test_where_few_lengths_are_known_nothing_is_told():
    assert tell(job()) == ""
    assert tell(job(seconds=300), job()) == ""
    assert tell() == ""


def test_where_a_few_are_unknown_the_rest_is_the_least():
    assert tell(job(seconds=300), job(seconds=300), job("other")) == "at least 10 min left"
    assert tell(job(seconds=3), job(seconds=3), job("other")) == ""


def test_a_job_far_over_its_time_is_of_unknown_length():
    assert tell(job(seconds=10), elapsed={0: 75}) == "less than a minute left"
    assert tell(job(seconds=10), elapsed={0: 90}) == ""


def test_finished_jobs_tell_how_long_others_of_their_rule_take():
    left = TimeLeft({number: job() for number in range(4)})
    for number, seconds in enumerate((100, 120, 500)):
        left.finish(number, seconds)
    assert left.tell({}) == "about 2 min left"


def test_on_a_busy_machine_all_takes_longer_than_last_time():
    left = TimeLeft({number: job(seconds=600) for number in range(3)})
    left.finish(0, 1260)
    assert left.tell({}) == "about 40 min left"


def test_a_light_job_that_took_long_to_start_says_little_of_heavy_ones():
    left = TimeLeft({0: job(seconds=0.1), 1: job(seconds=1200)})
    left.finish(0, 2)
    assert left.tell({}) == "about 21 min left"


def test_results_that_were_kept_do_not_make_the_rest_shorter():
    left = TimeLeft({number: job(seconds=60) for number in range(3)})
    left.finish(0, 1)
    assert left.tell({}) == "about 2 min left"


@pytest.mark.parametrize("failed", [0, 1])
def test_what_waits_for_a_failed_job_is_left_out(failed):
    jobs = [job(seconds=60), job(seconds=120, causes={0}), job(seconds=180, causes={0, 1}), job(seconds=240)]
    left = TimeLeft(dict(enumerate(jobs)))
    left.give_up(failed)
    assert left.tell({}) == ("about 4 min left" if failed == 0 else "about 5 min left")
    left.finish(failed, 60)  # it was tried again
