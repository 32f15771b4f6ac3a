import pytest

from tests.unit.comparison.results_factory import build_study
from tunelab.config.study import Study, cuts_rows
from tunelab.reporting.cards import SHOWN, list_truncated, name_files, tell_row


def test_local_files_are_named_without_the_folders_of_the_one_who_ran_the_study():
    local = {"source": "local", "files": ["/home/me/quiz.jsonl"], "test_files": ["/home/me/held-out.jsonl"]}
    assert name_files(local) == {"files": ["quiz.jsonl", "held-out.jsonl"]}
    packaged = {"source": "pypi", "files": ["english/trivia.yml"], "test_files": []}
    assert name_files(packaged) == {"files": ["english/trivia.yml"]}


def test_a_plain_text_is_told_as_it_stands_and_a_book_of_it_by_its_beginning():
    assert tell_row({"id": "a", "text": "Oil it.\n"}) == [{"role": "text", "content": "Oil it.\n"}]
    (part,) = tell_row({"id": "a", "text": "x" * 10**6})
    assert len(part["content"]) == SHOWN and part["content"].endswith("...")


@pytest.mark.parametrize(
    ("training", "cut"),
    [
        ({"max_length": 96}, 2),
        ({}, 1),  # TRL's own limit of 1024
        ({"max_length": None}, None),
        ({"max_length": 96, "packing": True}, 2),
        ({"max_length": 96, "packing": True, "packing_strategy": "bfd"}, 2),
        ({"max_length": 96, "packing": True, "packing_strategy": "bfd_split"}, None),
        ({"max_length": 96, "packing": True, "packing_strategy": "wrapped"}, None),
        ({"max_length": 96, "packing": False, "packing_strategy": "wrapped"}, 2),
    ],
)
def test_rows_that_lose_their_end_are_counted_and_those_that_packing_divides_are_not(training, cut):
    spec = build_study(("base", "lora"))
    spec["runs"]["lora"]["training"] = training
    found = list_truncated(Study(spec), "tech", "smollm2", [10, 96, 97, 1025])
    assert [row["rows"] for row in found] == ([] if cut is None else [cut])
    assert cuts_rows(training) or not found
