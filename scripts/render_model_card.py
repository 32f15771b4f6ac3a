"""Describe a trained adapter or model in the README that travels with it.

Reads   card     the fetched base model's card
        summary  what the training cost
Writes  readme   the model card, beside the weights
"""

from pathlib import Path

from tunelab import records
from tunelab.config.chosen_settings import merge_settings
from tunelab.jobs.job import run_as_job
from tunelab.models.modelcard import render_model_card


def main(card: Path, summary: Path, settings: list[Path], readme: Path, seed: str, spec) -> None:
    adapter = readme.parent.name == "adapter"
    spec = merge_settings(spec, records.read_json(settings[0])) if settings else spec
    text = render_model_card(spec, records.read_json(card), records.read_json(summary), int(seed), adapter)
    records.write_text(readme, text)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
