"""Data sets of every source become the same kind of artefact, made twice with the same bytes."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import DatasetDict, load_from_disk
from fetch_dataset import main

from tunelab.config.specs.sources import GeneratedDataset, HubSettings, LocalDataset
from tunelab.errors import UserError
from tunelab.jobs.layout import list_local_files
from tunelab.records import hash_file, read_json

SUMS = GeneratedDataset(source="generated", rows=20, test_rows=5)


def fetch(place: Path, spec, name: str = "mine") -> dict:
    main(place / "card.json", place / "raw", name, spec, HubSettings(), place / "work")
    return read_json(place / "card.json")


def read_bytes(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def write_lines(file: Path, rows: list) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def test_generated_sums_have_both_splits_and_a_card_that_calls_them_synthetic(tmp_path):
    card = fetch(tmp_path, SUMS, "sums")
    saved = load_from_disk(tmp_path / "raw")
    assert {name: len(split) for name, split in saved.items()} == card["rows"] == {"train": 20, "test": 5}
    assert card["synthetic"] is True and card["revision"] is None and card["licence"] is None
    assert card["dataset"] == "sums" and card["source"]["seed"] == 0
    assert card["columns"] == saved["train"].column_names == ["question", "answer"]


def test_the_card_lists_every_file_with_its_hash_and_size(tmp_path):
    card = fetch(tmp_path, SUMS)
    assert len(card["files"]) == 7
    for file in card["files"]:
        assert hash_file(tmp_path / "raw" / file["path"]) == file["sha256"]
    assert card["bytes"] == sum(path.stat().st_size for path in (tmp_path / "raw").rglob("*") if path.is_file())


@pytest.mark.parametrize("source", ["generated", "local"])
def test_two_fetches_give_the_same_bytes(tmp_path, source):
    files = (write_lines(tmp_path / "rows.jsonl", [{"question": "a", "answer": "b"}] * 3),)
    spec = SUMS if source == "generated" else LocalDataset(source="local", files=files)
    fetch(tmp_path / "one", spec)
    fetch(tmp_path / "two", spec)
    assert read_bytes(tmp_path / "one") == read_bytes(tmp_path / "two")
    assert len(read_bytes(tmp_path / "one")) == {"generated": 8, "local": 5}[source]


def test_other_rows_get_another_fingerprint(tmp_path):
    for place, answer in (("one", "b"), ("two", "c")):
        file = write_lines(tmp_path / f"{place}.jsonl", [{"question": "a", "answer": answer}])
        fetch(tmp_path / place, LocalDataset(source="local", files=(file,)))
    states = [read_json(tmp_path / place / "raw" / "train" / "state.json") for place in ("one", "two")]
    assert states[0]["_fingerprint"] != states[1]["_fingerprint"]


def test_files_of_the_user_are_joined_and_keep_fields_that_only_some_rows_have(tmp_path):
    first = write_lines(tmp_path / "first.jsonl", [{"instruction": "a", "output": "b"}])
    second = write_lines(tmp_path / "second.jsonl", [{"instruction": "c", "input": "x", "output": "d"}])
    card = fetch(tmp_path, LocalDataset(source="local", files=(first, second), test_files=(second,), licence="MIT"))
    saved = load_from_disk(tmp_path / "raw")
    assert saved["train"].to_list() == [
        {"instruction": "a", "output": "b", "input": None},
        {"instruction": "c", "output": "d", "input": "x"},
    ]
    assert card["rows"] == {"train": 2, "test": 1} and card["licence"] == "MIT" and card["synthetic"] is False


def test_a_folder_of_shards_is_one_table_and_its_rows_know_their_file(tmp_path):
    shards = tmp_path / "shards"
    shards.mkdir()
    for name in ("README.md", "_SUCCESS", ".part-0.jsonl.crc"):
        (shards / name).write_text("no rows")
    for number in (1, 0):
        content = json.dumps({"answer": f"a{number}"}) + "\n"
        (shards / f"train-{number}-of-2.jsonl.gz").write_bytes(gzip.compress(content.encode()))
    one = write_lines(tmp_path / "one.jsonl", [{"answer": "b"}])
    spec = LocalDataset(source="local", files=(str(shards), one), test_files=(str(shards),))
    card = fetch(tmp_path, spec)
    saved = load_from_disk(tmp_path / "raw")
    assert saved["train"].to_list() == [{"answer": "a0"}, {"answer": "a1"}, {"answer": "b"}]
    assert saved["test"].to_list() == [{"answer": "a0"}, {"answer": "a1"}]
    assert [Path(part["file"]).name for part in card["file_rows"]["train"]] == [
        "train-0-of-2.jsonl.gz",
        "train-1-of-2.jsonl.gz",
        "one.jsonl",
    ]
    assert set(list_local_files(spec)) > {str(shards / "train-0-of-2.jsonl.gz"), one}


def test_a_column_of_text_and_numbers_is_refused(tmp_path):
    file = write_lines(tmp_path / "rows.jsonl", [{"answer": "b"}, {"answer": 7}])
    with pytest.raises(
        UserError, match=r"rows\.jsonl, row 2, field 'answer': a number \(7\), but a string in .*row 1\."
    ):
        fetch(tmp_path, LocalDataset(source="local", files=(file,)))


def test_a_failed_fetch_leaves_neither_folder_nor_card(tmp_path):
    with pytest.raises(UserError):
        fetch(tmp_path / "out", LocalDataset(source="local", files=(str(tmp_path / "none.json"),)))
    assert not (tmp_path / "out" / "raw").exists() and not (tmp_path / "out" / "card.json").exists()


def test_a_fetch_that_breaks_off_while_it_saves_leaves_the_earlier_one_and_nothing_half_written(tmp_path, monkeypatch):
    fetch(tmp_path, SUMS)
    before = read_bytes(tmp_path)

    def fill_the_disk(self, folder):
        (folder / "half").write_text("x")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DatasetDict, "save_to_disk", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        fetch(tmp_path, SUMS)
    assert read_bytes(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "raw"]


def test_fetching_a_data_set_imports_no_torch(tmp_path):
    code = (
        "import sys; from pathlib import Path; from fetch_dataset import main;"
        "from tunelab.config.specs.sources import GeneratedDataset, HubSettings;"
        f"place = Path({str(tmp_path)!r}); spec = GeneratedDataset(source='generated', rows=5, test_rows=2);"
        "main(place / 'card.json', place / 'raw', 'sums', spec, HubSettings(), place);"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    scripts = Path(__file__).parents[3] / "scripts"
    done = subprocess.run([sys.executable, "-c", code], cwd=scripts, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
