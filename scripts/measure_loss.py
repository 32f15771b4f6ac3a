"""Measure one run's loss on the assistant's tokens of a task's held-out rows, and on the answers that pairs reject.

Reads   card        the fetched base model's card; the model lies beside it
        precision   in which the study computes
        template    the study's chat template for the model
        references  the task's held-out rows, of which `first` are measured, or all
        weights     what the run published; none for the untouched model
Writes  losses      one summed loss and token count per row; of a pair, those of the rejected answer too
"""

from pathlib import Path

from tunelab import records
from tunelab.jobs.job import run_as_job


def main(
    card: Path,
    precision: Path,
    template: Path,
    references: Path,
    weights: list[Path],
    losses: Path,
    batch_size: int,
    first: int | None = None,
) -> None:
    from tunelab.evaluation.losses import measure_rows
    from tunelab.models.run_model import read_run_model

    run_model = read_run_model(card, weights, precision, template)
    measured = measure_rows(run_model, records.read_jsonl(references)[:first], batch_size)
    records.write_jsonl(losses, measured)


if __name__ == "__main__":
    run_as_job(main, snakemake, keep=True)  # noqa: F821  (Snakemake provides it)
