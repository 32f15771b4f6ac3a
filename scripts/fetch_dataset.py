"""Fetch one data set and keep it as an artefact of its own, whatever it came from.

Writes  folder  the rows as `datasets` saves them: split "train", and "test" where the source has its own
        card    its source, revision, licence, number of rows and files with their hashes
"""

from pathlib import Path

from tunelab.config.specs.sources import DatasetSource, HubSettings
from tunelab.jobs.job import run_as_job
from tunelab.sources.hub import configure_hub


def main(card: Path, folder: Path, dataset: str, spec: DatasetSource, hub: HubSettings, work: Path) -> None:
    configure_hub(hub)
    from tunelab.sources import tables

    tables.fetch_dataset(dataset, spec, Path(work), folder, card)


if __name__ == "__main__":
    run_as_job(main, snakemake, network=True)  # noqa: F821  (Snakemake provides it)
