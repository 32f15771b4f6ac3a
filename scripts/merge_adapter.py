"""Merge a run's adapter into its base model, for programs that take whole models only.

Reads   card     the fetched base model's card; the model lies beside it
        adapter  the adapter's weights and config
        template the study's chat template for the model
        rows     conversations to compare adapter and merged model on
Writes  weights  the whole model (float32 safetensors)
        config   its config.json
        parity   how closely it agrees with the adapter
"""

from pathlib import Path

from tunelab import records
from tunelab.jobs.job import run_as_job

PROBES = 4


def main(card: Path, template: Path, adapter: list[Path], rows: Path, weights: Path, parity: Path) -> None:
    from tunelab.models.merging import merge

    probes = records.read_jsonl(rows)[:PROBES]
    model, tokenizer, agreement = merge(card.parent / "model", adapter[0].parent, probes, template)
    model.save_pretrained(weights.parent, max_shard_size="1TB")
    tokenizer.save_pretrained(weights.parent)
    records.write_json(parity, agreement)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
