"""Run the two stages of a data set on files of a test, as the workflow runs them."""

import io
import json
from pathlib import Path

import fetch_dataset
import prepare_dataset
import pyarrow
import pyarrow.parquet
import pytest

from tunelab.config.specs.data import PrepareSpec
from tunelab.config.specs.sources import HubSettings, LocalDataset
from tunelab.errors import UserError
from tunelab.records import read_jsonl

SPLITS = ("train", "validation", "test")
GOOD = [{"question": f"Q{number}?", "answer": f"A{number}."} for number in range(10)]
LONG = "x" * 100_000
SHORT = f"{'x' * 37}...{'x' * 38}"  # how a message shows it


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def parquet(*rows):
    target = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), target)
    return target.getvalue()


def run(content, name="rows.jsonl", prepare=None, **source):
    """Write the file `name`, then fetch and prepare the data set into `out`; relative paths count from here."""
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    out, source = Path("out"), LocalDataset(source="local", **({"files": (name,)} | source))
    fetch_dataset.main(out / "card.json", out / "raw", "mine", source, HubSettings(), Path("work"))
    outputs = {split: out / f"{split}_dataset.json" for split in SPLITS}
    spec = PrepareSpec(**({"format": "question_answer"} | (prepare or {})))
    prepare_dataset.main(out / "card.json", **outputs, data_card=out / "data_card.json", dataset="mine", spec=spec)
    return [row for split in SPLITS for row in read_jsonl(outputs[split])]


def refuse(*arguments, **named):
    """Return the sentence with which `run` stops, having checked what holds for all of them."""
    with pytest.raises(UserError) as refusal:
        run(*arguments, **named)
    assert len(str(refusal.value)) < 600
    left = {str(path) for path in Path("out").glob("*")} if Path("out").exists() else set()
    assert left in (set(), {"out/card.json", "out/raw"})  # nothing at all, or what was fetched whole
    return str(refusal.value)
