"""The kind of a gain from drawn answers: artificial greedy answers and four draws a question of a start and a run."""

import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tunelab.comparison.gains import list_kinds
from tunelab.comparison.items import Items
from tunelab.errors import UserError
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_jsonl, write_jsonl

ROWS, DRAWN = 48, 40


def build(root, runs=("warmstart", "grpo"), **options):
    study = build_study(runs=runs, **options)
    study["comparison"]["contrasts"] = [["grpo", runs[0]]]
    study["tasks"]["arithmetic"]["sampling"]["rows"] = DRAWN
    return StudyFolder(root, write_results(root, study, rows=ROWS))


@pytest.fixture
def study(tmp_path):
    return build(tmp_path)


def judge(row, right, layout):
    said = row["answer"] if right else "-1"
    verdicts = {"strict": right and layout, "tagged": right and layout, "flexible": right, "strict_format": layout}
    return row | verdicts | {"extracted": {"tagged": said if layout else None, "flexible": said}}


def plant(study, run, greedy, right, layout=True):
    """Change which questions a run answers rightly in its greedy answer, and in how many of four draws."""
    for seed in study.list_seeds(run):
        path = study.task_file(run, seed, "arithmetic", "scores.jsonl")
        rows = read_jsonl(path)
        write_jsonl(path, [judge(row, greedy(place), layout) for place, row in enumerate(rows)])
        places = {row["id"]: place for place, row in enumerate(rows)}
        path = study.task_file(run, seed, "arithmetic", "sample_scores.jsonl")
        drawn = read_jsonl(path)
        write_jsonl(path, [judge(row, row["sample"] < right(places[row["id"]]), layout) for row in drawn])


def tell(study):
    (row,) = list_kinds(Items(study))
    return row


def know_half(place):
    return place % 2 == 0


def know_most_of_half(place):
    return 3 if know_half(place) else 0


def test_a_start_that_became_surer_of_its_majority_answers_is_told_as_sharper(study):
    plant(study, "warmstart", know_half, know_most_of_half)
    plant(study, "grpo", know_half, lambda place: know_most_of_half(place) + (place % 4 == 0 or place in (2, 6)))
    row = tell(study)
    assert row.kind == "sharper"
    assert (row.reliability.value, row.reliability.verdict) == (pytest.approx(0.075), "better")
    assert (row.beyond_greedy.value, row.beyond_majority.value) == pytest.approx((-0.05, -0.05))
    assert (row.beyond_greedy.verdict, row.beyond_majority.verdict) == ("worse", "worse")
    assert (row.coverage.value, row.newly_solved.value, row.no_longer_solved.value) == (0.0, 0.0, 0.0)


def test_a_run_that_answers_as_its_starts_majority_does_is_sharper_where_so_many_questions_can_show_it(study):
    plant(study, "warmstart", know_half, know_most_of_half)
    plant(study, "grpo", know_half, lambda place: 4 * know_half(place))
    row = tell(study)
    assert (row.beyond_majority.value, row.beyond_majority.verdict, row.kind) == (0.0, "undecided", "open")
    assert row.beyond_majority.low == pytest.approx(-row.beyond_majority.high) and row.beyond_majority.high > 0.05
    study.spec["comparison"]["margins"]["strict"] = 0.07
    row = tell(study)
    assert (row.beyond_majority.verdict, row.kind) == ("equivalent", "sharper")


def test_what_neither_a_vote_nor_the_greedy_answer_had_is_told_as_beyond_them(study):
    plant(study, "warmstart", know_half, know_most_of_half)
    plant(study, "grpo", lambda place: True, lambda place: 4)
    row = tell(study)
    assert row.kind == "beyond"
    steps = [row.form, row.reliability, row.beyond_greedy, row.beyond_majority, row.coverage]
    assert [step.value for step in steps] == [0.0, 0.625, 0.5, 0.5, 0.5]
    assert (row.newly_solved.value, row.no_longer_solved.value) == (0.5, 0.0)
    assert row.newly_solved.low < 0.5 < row.newly_solved.high
    assert (row.samples, row.k) == (4, 4)


def test_a_gain_that_the_layout_may_account_for_is_not_told_as_more(study):
    plant(study, "warmstart", know_half, know_most_of_half, layout=False)
    plant(study, "grpo", know_half, know_most_of_half)
    row = tell(study)
    assert (row.form.value, row.beyond_greedy.value, row.beyond_majority.value) == (1.0, 0.375, 0.375)
    assert row.beyond_majority.verdict == "better"
    assert row.kind == "form"


def test_what_lies_a_little_beyond_the_majority_stays_open(study):
    plant(study, "warmstart", know_half, know_most_of_half)
    plant(study, "grpo", know_half, lambda place: 4 * (know_half(place) or place < 6))
    row = tell(study)
    assert (row.beyond_majority.value, row.beyond_majority.verdict) == (pytest.approx(0.075), "undecided")
    assert row.kind == "open"


def test_a_start_that_was_more_reliable_is_told_so(study):
    plant(study, "warmstart", lambda place: True, lambda place: 4)
    plant(study, "grpo", know_half, know_most_of_half)
    row = tell(study)
    assert row.kind == "less"
    assert (row.newly_solved.value, row.no_longer_solved.value) == (0.0, 0.5)


@pytest.mark.parametrize(("margin", "kind"), [(0.02, "undecided"), (0.07, "same")])
def test_equal_draws_tell_nothing_or_that_the_runs_are_the_same_within_the_margin(study, margin, kind):
    study.spec["comparison"]["margins"]["strict"] = margin
    for run in study.runs:
        plant(study, run, know_half, know_most_of_half)
    assert tell(study).kind == kind


def test_draws_that_differ_by_chance_tell_nothing(study):
    plant(study, "warmstart", know_half, lambda place: 3 if place % 4 < 2 else 1)
    plant(study, "grpo", know_half, lambda place: 3 if place % 4 in (0, 2) else 1)
    row = tell(study)
    assert (row.reliability.value, row.coverage.value) == (0.0, 0.0)
    assert row.kind == "undecided"


def test_greedy_answers_are_those_to_the_questions_that_were_drawn(study):
    plant(study, "warmstart", lambda place: place >= DRAWN, lambda place: 0)
    plant(study, "grpo", lambda place: False, lambda place: 1)
    row = tell(study)
    assert (row.beyond_greedy.value, row.beyond_greedy.n) == (0.25, DRAWN)
    assert (row.form.n, row.coverage.n, row.newly_solved.n) == (ROWS, DRAWN, DRAWN)


def test_an_untouched_run_pairs_with_every_seed(tmp_path):
    study = build(tmp_path, ("base", "grpo"), seeds=(1, 2))
    plant(study, "base", know_half, know_most_of_half)
    plant(study, "grpo", lambda place: True, lambda place: 4)
    row = tell(study)
    assert (row.reliability.value, row.reliability.interval) == (0.625, "crossed")
    assert (row.newly_solved.value, row.newly_solved.interval) == (0.5, "crossed")
    folder = "results/runs/{}/arithmetic/{}.jsonl".format
    files = ("scores", "sample_scores")
    assert set(row.sources) == {
        folder(arm, file) for arm in ("grpo/seed1", "grpo/seed2", "base/seed0") for file in files
    }


def test_draws_for_questions_that_were_not_answered_are_refused(study):
    for run in study.runs:
        path = study.task_file(run, 1, "arithmetic", "sample_scores.jsonl")
        write_jsonl(path, [row | {"id": f"older {row['id']}"} for row in read_jsonl(path)])
    with pytest.raises(UserError, match=r"sample_scores\.jsonl has rows that .*/scores\.jsonl has not"):
        tell(study)


def test_a_task_without_draws_tells_no_kind(study):
    study.spec["tasks"]["arithmetic"]["sampling"] = None
    assert list(list_kinds(Items(study))) == []
