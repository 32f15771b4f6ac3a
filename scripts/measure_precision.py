"""Decide in which precision a model computes in this study.

Reads   card        the fetched model's card; the model lies beside it
Writes  precision   the decision, which every training and evaluation obeys
        figures     what it was taken from
"""

from pathlib import Path

from tunelab import records
from tunelab.jobs.job import run_as_job


def main(card: Path, precision: Path, figures: Path, asked: str) -> None:
    from tunelab.models.precision import decide_precision

    decision, measured = decide_precision(card.parent / "model", asked)
    records.write_json(precision, decision)
    records.write_json(figures, measured)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
