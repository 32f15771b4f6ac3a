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
    from tunelab.models.precision import load_precision

    artefact = weights[0].parent if weights else None
    rows = records.read_jsonl(references)[:first]
    length, dtype = spec.generation.max_new_tokens, load_precision(precision)
    drawn = sample_rows(card.parent / "model", artefact, rows, spec.sampling, length, dtype, template)
    records.write_jsonl(samples, drawn)


if __name__ == "__main__":
    run_as_job(main, snakemake, keep=True)  # noqa: F821  (Snakemake provides it)
