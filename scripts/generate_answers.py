"""Answer a task's held-out questions with one run's model.

Reads   card        the fetched base model's card; the model lies beside it
        precision   in which the study computes
        template    the study's chat template for the model
        references  the task's held-out rows, of which `first` are answered, or all
        weights     what the run published; none for the untouched model
Writes  answers     one completion per row
        generation  the resolved decoding settings and how long it took
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
    answers: Path,
    generation: Path,
    spec,
    first: int | None = None,
) -> None:
    from tunelab.evaluation.generation import answer_rows
    from tunelab.models.run_model import read_run_model

    run_model = read_run_model(card, weights, precision, template)
    made, facts = answer_rows(run_model, records.read_jsonl(references)[:first], spec)
    records.write_jsonl(answers, made)
    records.write_json(generation, facts)


if __name__ == "__main__":
    run_as_job(main, snakemake, keep=True)  # noqa: F821  (Snakemake provides it)
