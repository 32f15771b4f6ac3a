"""See whether a model has positions enough for what the study sends it, before any hour of work.

Reads   card       the fetched model's card; its config lies beside it
        tokens     lengths of the data sets that the study sends it, in the order of `datasets`
Writes  positions  how many there are, and how many each run and task needs
"""

from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.jobs.job import run_as_job


def main(card: Path, tokens: list[Path], positions: Path, model: str, sent: dict[str, Any]) -> None:
    from tunelab.models.positions import check_positions

    config = records.read_json(card.parent / "model" / "config.json")
    splits = {name: records.read_json(file)["splits"] for name, file in zip(sent["datasets"], tokens, strict=True)}
    records.write_json(positions, check_positions(config, sent, splits, f"models.{model}"))


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
