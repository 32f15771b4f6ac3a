"""Turn a fetched data set into chat messages or plain texts and divide it into train, validation and test.

Reads   card        what was fetched; the rows lie beside it in raw/
Writes  train       rows to learn from (JSON Lines: id, messages, and for maths the gold answer; or id, text)
        validation  rows to choose checkpoints by
        test        held-out rows, asked of every run; none of plain texts
        data_card   origin, sizes, duplicates, overlap and a few rows
"""

from pathlib import Path

from tunelab import records
from tunelab.config.specs.data import PrepareSpec
from tunelab.data import preparing, splits
from tunelab.jobs.job import run_as_job


def main(
    card: Path, train: Path, validation: Path, test: Path, data_card: Path, dataset: str, spec: PrepareSpec
) -> None:
    from datasets import load_from_disk

    source_card = records.read_json(card)
    examples = preparing.read_examples(load_from_disk(card.parent / "raw"), source_card, spec, dataset)
    drawn, left_out = splits.draw_splits(examples["train"], examples.get("test"), spec, dataset)
    for path, split in ((train, "train"), (validation, "validation"), (test, "test")):
        records.write_jsonl(path, splits.build_records(drawn[split]))
    records.write_json(data_card, preparing.build_data_card(dataset, source_card, spec, drawn, left_out))


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
