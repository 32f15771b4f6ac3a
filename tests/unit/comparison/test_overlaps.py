import pytest

from tests.unit.comparison.results_factory import build_overlap, build_study, write_results
from tunelab.comparison import estimates
from tunelab.comparison.result_rows import Overlap
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_jsonl
from tunelab.reporting import tables

ROWS = 12


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    return StudyFolder(root, write_results(root, build_study(seeds=(1, 2)), rows=ROWS))


def compare(study, shared):
    return estimates.build_results(study, tables.load_trainings(study), [], shared, {"grid": []}, {})


@pytest.fixture(scope="module")
def results(study):
    return compare(study, build_overlap(study.spec, ROWS))


def test_each_kind_of_overlap_takes_in_those_before_it(results):
    assert results.overlaps == [
        Overlap(task="arithmetic", dataset="sums", rows=ROWS, exact=0, ngram13=2, near=3),
        Overlap(task="support", dataset="sums", rows=ROWS, exact=0, ngram13=0, near=0),
    ]


def test_first_metrics_are_estimated_again_without_the_rows(study, results):
    assert {(row.task, row.metric, row.without, row.n) for row in results.cleaned} == {
        ("arithmetic", "strict", "ngram13", ROWS - 2),
        ("arithmetic", "strict", "near", ROWS - 3),
    }
    assert len(results.cleaned) == 2 * 5
    gone = set(build_overlap(study.spec, ROWS)[0]["ngram13"])
    files = [study.task_file("warmstart", seed, "arithmetic", "scores.jsonl") for seed in (1, 2)]
    kept = [row["strict"] for file in files for row in read_jsonl(file) if row["id"] not in gone]
    (row,) = [row for row in results.cleaned if (row.run, row.without) == ("warmstart", "ngram13")]
    assert row.value == pytest.approx(sum(kept) / len(kept))
    assert row.low < row.value < row.high and row.interval == "crossed"


def test_declared_differences_are_tested_again_and_corrected_among_themselves(results):
    pairs = [(row.run, row.against) for row in results.contrasts if row.declared and row.primary]
    again = [row for row in results.cleaned_contrasts if row.without == "near"]
    assert [(row.run, row.against) for row in again] == pairs[: len(again)] and len(again) == 5
    means = {row.run: row.value for row in results.cleaned if row.without == "near"}
    for row in again:
        assert row.value == pytest.approx(means[row.run] - means[row.against])
        assert row.low <= row.value <= row.high and row.n == ROWS - 3
    (row,) = [row for row in again if (row.run, row.against) == ("warmstart", "base")]
    assert row.verdict in ("better", "undecided")


def test_where_nothing_is_shared_nothing_is_told_twice(study):
    found = compare(study, [row | {"ngram13": [], "near": []} for row in build_overlap(study.spec, ROWS)])
    assert (found.cleaned, found.cleaned_contrasts) == ([], [])
    assert [row.near for row in found.overlaps] == [0, 0]


def test_near_duplicates_that_are_no_more_rows_are_told_once(study):
    shared = build_overlap(study.spec, ROWS)
    found = compare(study, [shared[0] | {"near": shared[0]["ngram13"]}])
    assert {row.without for row in found.cleaned} == {"ngram13"}


@pytest.mark.parametrize(("left", "estimated"), [(0, 0), (4, 0), (5, 5)])
def test_too_few_rows_are_no_estimate(study, left, estimated):
    ids = [row["id"] for row in read_jsonl(study.task_file("base", 0, "arithmetic", "scores.jsonl"))]
    found = compare(study, [build_overlap(study.spec, ROWS)[0] | {"exact": ids[left:], "ngram13": [], "near": []}])
    assert len(found.cleaned) == estimated
    assert [(row.rows, row.left, row.enough) for row in found.left] == [(ROWS, left, bool(estimated))]
