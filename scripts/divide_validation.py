"""Divide validation rows in two: one half chooses a training's best step, the other the settings of runs.

Reads   validation  rows that are not trained on
Writes  checkpoint  every second row, by which trainings choose their best step
        selection   the others, by which settings are chosen
"""

from pathlib import Path

from tunelab import records
from tunelab.errors import UserError
from tunelab.jobs.job import run_as_job


def main(validation: Path, checkpoint: Path, selection: Path) -> None:
    rows = records.read_jsonl(validation)
    if len(rows) < 4:
        raise UserError(
            f"{validation} has {len(rows)} rows, too few to choose both steps and settings by them; raise "
            "prepare.validation of the data set."
        )
    records.write_jsonl(checkpoint, rows[::2])
    records.write_jsonl(selection, rows[1::2])


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
