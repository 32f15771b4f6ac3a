"""Degenerate answers: one answer to many questions, or answers that repeat themselves."""

import pytest

from tests.unit.comparison.results_factory import build_study, write_results
from tunelab.comparison import contrasts
from tunelab.comparison.items import Items
from tunelab.comparison.repetition import describe_texts, find_degenerate, is_beyond, is_looping, list_sameness
from tunelab.jobs.layout import StudyFolder
from tunelab.records import read_jsonl, write_jsonl
from tunelab.reporting.tables import load_trainings
from tunelab.words import split_words


def test_distinct_n_is_different_ngrams_over_all_of_them():
    found = describe_texts(["The cat sat.", "the dog sat", "Cat!"])
    assert found.distinct == (4 / 7, 1.0)  # the, cat, sat, dog; four pairs, of which none twice
    assert describe_texts(["a b", "a b", "b a"]).distinct == (2 / 6, 2 / 3)
    assert describe_texts(["?!", ""]).distinct == (None, None)


def test_answers_are_alike_by_their_words():
    found = describe_texts(["No.", "I do not know.", " i do not KNOW", "No idea"])
    assert (found.alike, found.commonest) == (2, "I do not know.")
    found = describe_texts(["", "?", " ? ", "word"])
    assert (found.alike, found.commonest) == (2, "?")


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("The fan moves warm air away from the parts.", False),
        ("The fan cools it down. " * 2, False),
        ("The fan cools it down. " * 3, True),
        ("1.1.1.1.1.1.1.1", True),
        ("yes yes", False),
        ("风扇可以冷却。" * 3, True),
        ("", False),
    ],
)
def test_an_answer_loops_when_most_of_it_was_said_before(text, loops):
    assert is_looping(split_words(text)) is loops


@pytest.mark.parametrize(
    ("count", "references", "n", "beyond"),
    [(23, 1, 64, True), (32, 30, 64, False), (2, 1, 64, False), (6, 1, 20, True), (3, 1, 3, False), (0, 0, 8, False)],
)
def test_answers_are_held_against_the_references_to_the_same_rows(count, references, n, beyond):
    assert is_beyond(count, references, n) is beyond


@pytest.fixture
def answer(tmp_path):
    """Return a function that writes a run's answers to a task, and describes all answers."""
    study = StudyFolder(tmp_path, write_results(tmp_path, build_study(seeds=(1, 2)), rows=12))

    def answer(run, seed, task, texts):
        path = study.task_file(run, seed, task, "answers.jsonl")
        given = [row | {"completion": text} for row, text in zip(read_jsonl(path), texts, strict=False)]
        write_jsonl(path, given)
        rows = list(list_sameness(study))
        return study, rows, next(row for row in rows if (row.run, row.seed, row.task) == (run, seed, task))

    return answer


def test_one_sentence_to_every_question_is_told_with_the_references_own(answer):
    study, rows, found = answer("prefix", 2, "support", ["It is the fan."] * 12)
    assert (found.n, found.alike, found.reference_alike, found.commonest) == (12, 12, 1, "It is the fan.")
    assert found.degenerate == ["alike"]
    assert found.sources == [
        "results/runs/prefix/seed2/support/answers.jsonl",
        "results/datasets/tech/test_dataset.json",
    ]
    assert "prefix" in find_degenerate(rows)["support"]
    assert [(row.task, row.alike, row.degenerate) for row in rows if row.run is None] == [
        ("arithmetic", 1, []),
        ("support", 1, []),
    ]
    tested = contrasts.list_contrasts(Items(study), load_trainings(study), {}, {"support": {"prefix"}}, ())
    marked = {(row.task, tuple(row.degenerate)) for row in tested if "prefix" in (row.run, row.against)}
    assert marked == {("support", ("prefix",)), ("arithmetic", ()), ("text:neutral_en", ())}


def test_thoughts_before_an_answer_are_left_out(answer):
    *_, found = answer("lora", 1, "support", [f"<think>{i} {'so ' * 40}</think>Yes." for i in range(12)])
    assert (found.alike, found.looping, found.commonest) == (12, 0, "Yes.")


def test_the_numbers_of_sums_are_as_alike_as_their_right_answers(answer):
    study, *_ = answer("lora", 1, "arithmetic", [""] * 12)
    path = study.dataset_file("sums", "test_dataset.json")
    write_jsonl(path, [row | {"answer": "7"} for row in read_jsonl(path)])
    *_, found = answer("lora", 1, "arithmetic", ["7"] * 12)
    assert (found.alike, found.reference_alike, found.degenerate) == (12, 12, [])


def test_a_run_is_compared_with_the_references_to_what_it_was_asked(answer):
    *_, found = answer("lora", 1, "support", ["Yes."] * 8)
    assert (found.n, found.alike, found.degenerate) == (8, 8, ["alike"])
