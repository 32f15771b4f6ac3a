"""Answer a task's held-out questions with one run's model.

Reads   card        the fetched base model's card; the model lies beside it
        references  the task's held-out rows
        weights     what the run published; none for the untouched model
Writes  answers     one completion per row
        generation  the resolved decoding settings and how long it took
"""

from pathlib import Path

from tunelab import records
from tunelab.jobs.job import run_as_job


def main(card: Path, references: Path, weights: list[Path], answers: Path, generation: Path, spec) -> None:
    from tunelab.evaluation.generation import answer_rows

    artefact = weights[0].parent if weights else None
    made, facts = answer_rows(card.parent / "model", artefact, records.read_jsonl(references), spec)
    records.write_jsonl(answers, made)
    records.write_json(generation, facts)


if __name__ == "__main__":
    run_as_job(main, snakemake, keep=True)  # noqa: F821  (Snakemake provides it)
