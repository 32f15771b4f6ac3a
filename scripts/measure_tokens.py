"""Measure a data set's lengths in a model's tokens, and show one row as the model sees it.

Reads   card        the fetched model's card; its tokenizer lies beside it
        train, validation, test   the prepared conversations
Writes  tokens      lengths per split, the template's hash, a row with the loss mask
"""

from pathlib import Path

from tunelab import records
from tunelab.jobs.job import run_as_job


def main(card: Path, train: Path, validation: Path, test: Path, tokens: Path) -> None:
    from tunelab.models import chat
    from tunelab.models.carried import check_carried

    tokenizer = chat.load_tokenizer(card.parent / "model")
    splits = {}
    for name, path in (("train", train), ("validation", validation), ("test", test)):
        rows = records.read_jsonl(path)
        check_carried(tokenizer, rows)
        encoded = [chat.encode_conversation(tokenizer, row["messages"]) for row in rows]
        splits[name] = {
            "total": [len(item["input_ids"]) for item in encoded],
            "assistant": [sum(item["assistant_masks"]) for item in encoded],
        }
    shown = chat.preview_mask(tokenizer, records.read_jsonl(train)[0]["messages"])
    facts = {"splits": splits, "template_sha256": chat.hash_template(tokenizer), "preview": shown}
    records.write_json(tokens, facts)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
