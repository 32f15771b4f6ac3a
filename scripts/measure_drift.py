"""Measure how far one run's training moved its model away from the base.

Reads   card        the fetched base model's card; the model lies beside it
        precision   in which the study computes
        template    the study's chat template for the model
        references  the tasks' held-out rows, in the order of `tasks`
        weights     what the run published; none for the untouched model
        texts       the neutral texts that are there; one that is missing is told of here
Writes  drift       loss, divergence from the base and token count of every paragraph and row
"""

from pathlib import Path

from tunelab import records
from tunelab.config.specs.evaluation import DriftSpec
from tunelab.jobs.job import run_as_job


def main(
    card: Path,
    precision: Path,
    template: Path,
    references: list[Path],
    weights: list[Path],
    drift: Path,
    spec: DriftSpec,
    tasks: list[str],
) -> None:
    from tunelab.evaluation.drift import measure_drift
    from tunelab.models.run_model import read_run_model

    run_model = read_run_model(card, weights, precision, template)
    rows = {task: records.read_jsonl(file)[: spec.rows] for task, file in zip(tasks, references, strict=True)}
    measured = measure_drift(run_model, map(Path, spec.texts), rows, spec.batch_size)
    records.write_jsonl(drift, measured)


if __name__ == "__main__":
    run_as_job(main, snakemake, keep=True)  # noqa: F821  (Snakemake provides it)
