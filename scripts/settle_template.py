"""Settle the chat template that the study uses with a model, with what the config says of it.

Reads   card      the fetched model's card; its tokenizer lies beside it
        files     the template's file, if it is a file of this checkout
Writes  template  the template as everything that follows uses it
        chat      where it is from, and what was settled
"""

from pathlib import Path

from tunelab import records
from tunelab.config.specs.sources import ChatSettings
from tunelab.jobs.job import run_as_job


def main(card: Path, template: Path, chat: Path, model: str, settings: ChatSettings) -> None:
    from transformers import AutoTokenizer

    from tunelab.models.settling import settle_template

    tokenizer = AutoTokenizer.from_pretrained(card.parent / "model")
    text, facts = settle_template(tokenizer, settings, f"models.{model}")
    with records.whole_file(template, "wb") as file:
        file.write(text.encode())
    records.write_json(chat, facts)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
