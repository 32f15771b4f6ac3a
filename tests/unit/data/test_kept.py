"""Columns that are kept for the user's own rewards and metrics."""

import pytest

from tests.unit.data.dataset_stages import lines, parquet, refuse, run

SUMS = [{"question": f"{n} + 1?", "answer": f"{n} + 1\n#### {n + 1}"} for n in range(10)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_kept_column_stands_in_every_row_beside_what_the_format_makes_of_it():
    texts = [row | {"hint": n, "topic": "sums" if n else None} for n, row in enumerate(SUMS)]
    prepared = run(lines(*texts), prepare={"format": "gsm8k", "keep": ["topic", "hint"], "test": 2})
    assert len(prepared) == 10
    for row in prepared:
        number = int(row["answer"]) - 1
        assert row["columns"] == {"topic": "sums" if number else None, "hint": number}
    assert all("columns" not in row for row in run(lines(*texts), prepare={"format": "gsm8k", "test": 2}))


def test_a_column_that_is_not_there_is_told_with_those_that_are():
    said = refuse(lines(*SUMS), prepare={"format": "gsm8k", "keep": ["questions"]})
    assert (
        "there is no column 'questions' to keep; the columns are 'question', 'answer' (did you mean 'question'?)"
        in said
    )
    assert said.endswith("Name one of them in datasets.mine.prepare.keep.")


def test_what_json_cannot_hold_is_told_with_its_row():
    rows = [row | {"hint": float("nan") if n == 4 else 1.0} for n, row in enumerate(SUMS)]
    said = refuse(parquet(*rows), name="rows.parquet", prepare={"format": "gsm8k", "keep": ["hint"]})
    assert "row 5, field 'hint': expected text, a number" in said
