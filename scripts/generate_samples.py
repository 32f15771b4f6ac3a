"""Draw several answers to each of a task's first held-out questions from one run's model.

Reads   card        the fetched base model's card; the model lies beside it
        precision   in which the study computes
        template    the study's chat template for the model
        references  the task's held-out rows, of which `first` are answered, or all
        weights     what the run published; none for the untouched model
Writes  samples     all answers to all questions, numbered per question
"""

from pathlib import Path

from tunelab import records
from tunelab.config.specs.evaluation import TaskSpec
from tunelab.jobs.job import run_as_job


def main(
    card: Path,
    precision: Path,
    template: Path,
    references: Path,
    weights: list[Path],
    samples: Path,
    spec: TaskSpec,
    first: int | None,
) -> None:
    from tunelab.evaluation.generation import sample_rows
    from tunelab.models.run_model import read_run_model

    run_model = read_run_model(card, weights, precision, template)
    rows = records.read_jsonl(references)[:first]
    drawn = sample_rows(run_model, rows, spec.sampling, spec.generation.max_new_tokens)
    records.write_jsonl(samples, drawn)


if __name__ == "__main__":
    run_as_job(main, snakemake, keep=True)  # noqa: F821  (Snakemake provides it)
