"""Fetch one base model and turn it into a plain safetensors folder.

Writes  folder  the model: config, weights, tokenizer and chat template, as `from_pretrained` loads them
        card    its source, revision, licence and files with their hashes
"""

from pathlib import Path

from tunelab.config.specs.sources import HubSettings, ModelSpec
from tunelab.jobs.job import run_as_job
from tunelab.sources.hub import configure_hub


def main(card: Path, folder: Path, model: str, spec: ModelSpec, hub: HubSettings, work: Path) -> None:
    configure_hub(hub)
    from tunelab.sources import models

    models.fetch_model(model, spec, Path(work), folder, card)


if __name__ == "__main__":
    run_as_job(main, snakemake, network=True)  # noqa: F821  (Snakemake provides it)
