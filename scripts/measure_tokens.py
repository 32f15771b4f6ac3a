"""Measure a data set's lengths in a model's tokens, and show one row as the model sees it.

Reads   card        the fetched model's card; its tokenizer lies beside it
        template, chat   the study's chat template for the model, and what was settled of it
        train, validation, test   the prepared rows
Writes  tokens      lengths per split that has rows (whole rows, what counts; prompts of questions, rows with the
                    rejected answer), the template's hash, a row with the loss mask
"""

from pathlib import Path

from tunelab import records
from tunelab.jobs.job import run_as_job


def main(card: Path, template: Path, chat: Path, train: Path, validation: Path, test: Path, tokens: Path) -> None:
    from tunelab.data.preferences import are_pairs
    from tunelab.models.chat import encode_conversation, encode_prompt, hash_template, load_tokenizer
    from tunelab.models.learnt_rows import check_carried, check_told_apart, read_row

    tokenizer = load_tokenizer(card.parent / "model", template=template)
    files = {"train": train, "validation": validation, "test": test}
    given = {name: rows for name, path in files.items() if (rows := records.read_jsonl(path))}
    splits = {}
    for name, rows in given.items():
        check_carried(tokenizer, rows)
        encoded = [read_row(tokenizer, row).cut() for row in rows]
        splits[name] = {
            "total": [len(item["input_ids"]) for item in encoded],
            "assistant": [sum(item["assistant_masks"]) for item in encoded],
        }
        if "messages" in rows[0]:
            splits[name]["prompt"] = [len(encode_prompt(tokenizer, row["messages"][:-1])) for row in rows]
        if are_pairs(rows):
            turns = [[*row["messages"][:-1], row["rejected"]] for row in rows]
            rejected = [encode_conversation(tokenizer, pair)["input_ids"] for pair in turns]
            check_told_apart([row["id"] for row in rows], [item["input_ids"] for item in encoded], rejected)
            splits[name]["rejected"] = list(map(len, rejected))
    shown = read_row(tokenizer, given["train"][0]).divide()
    template_facts = {"template_sha256": hash_template(tokenizer), "chat": records.read_json(chat)}
    records.write_json(tokens, {"splits": splits, "preview": shown} | template_facts)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
