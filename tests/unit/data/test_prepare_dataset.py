import subprocess
import sys

import prepare_dataset
import pytest
from datasets import Dataset, DatasetDict, load_dataset

from tunelab import records
from tunelab.config.specs.data import PrepareSpec
from tunelab.errors import UserError

OUTPUTS = {"train": "train_dataset.json", "validation": "validation_dataset.json", "test": "test_dataset.json"}


@pytest.fixture
def fetched(tmp_path):
    """A fetched data set of ten sums with three held-out ones, one of which is among the ten."""
    rows = [{"question": f"{n} 加 1?", "answer": f"{n}+1 = <<{n}+1={n + 1}>>{n + 1}\n#### {n + 1}"} for n in range(12)]
    raw = DatasetDict(train=Dataset.from_list(rows[:10]), test=Dataset.from_list(rows[9:]))
    raw.save_to_disk(tmp_path / "raw")
    source = {"source": "local", "files": ["sums.jsonl"], "test_files": ["held-out.jsonl"]}
    card = {"dataset": "sums", "source": source, "revision": None, "licence": "MIT", "synthetic": False}
    records.write_json(tmp_path / "card.json", card)
    return tmp_path


def prepare(folder, spec):
    outputs = {name: folder / file for name, file in OUTPUTS.items()}
    card = folder / "data_card.json"
    prepare_dataset.main(folder / "card.json", **outputs, data_card=card, dataset="sums", spec=spec)
    return records.read_json(card)


def test_a_fetched_data_set_becomes_three_files_and_a_card(fetched):
    card = prepare(fetched, PrepareSpec(format="gsm8k", test=3))
    assert card["rows"] == {"train": 8, "validation": 1, "test": 3}
    assert (card["left_out_in_test"], card["overlap"]) == (1, {"exact": 0, "ngram13": 0, "test_rows": 3})
    rows = {name: records.read_jsonl(fetched / file) for name, file in OUTPUTS.items()}
    assert {row["answer"] for row in rows["test"]} == {"10", "11", "12"}
    assert len({row["id"] for split in rows.values() for row in split}) == 12
    assert card["examples"] == rows["train"][:3]


def test_the_files_are_unescaped_and_read_by_the_datasets_library(fetched):
    prepare(fetched, PrepareSpec(format="gsm8k", test=3))
    file = fetched / OUTPUTS["train"]
    assert file.read_text(encoding="utf-8").count(" 加 1?") == 8
    loaded = load_dataset("json", data_files=str(file), split="train", cache_dir=str(fetched / "cache"))
    assert loaded.to_list() == records.read_jsonl(file)


def test_two_preparations_write_the_same_bytes(fetched):
    files = [*OUTPUTS.values(), "data_card.json"]
    prepare(fetched, PrepareSpec(format="gsm8k", test=3))
    first = [(fetched / file).read_bytes() for file in files]
    prepare(fetched, PrepareSpec(format="gsm8k", test=3))
    assert [(fetched / file).read_bytes() for file in files] == first


def test_a_bad_row_of_the_held_out_file_names_that_file(fetched):
    good, bad = {"question": "Q?", "answer": "Steps.\n#### 7"}, {"question": "Q?", "answer": "Seven."}
    raw = DatasetDict(train=Dataset.from_list([good]), test=Dataset.from_list([good, bad]))
    raw.save_to_disk(fetched / "raw")
    with pytest.raises(UserError, match=r"held-out\.jsonl, row 2, field 'answer': expected worked steps"):
        prepare(fetched, PrepareSpec(format="gsm8k"))


def test_preparing_and_scoring_load_no_training_library():
    code = (
        "import sys, datasets, prepare_dataset, score_answers; from tunelab.scoring import scorers; "
        "scorers.build_text_scorer(); "
        "print(sorted({'torch', 'transformers', 'trl', 'peft'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
