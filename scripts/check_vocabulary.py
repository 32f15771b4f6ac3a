"""See whether a teacher of another model has the vocabulary of the model that it teaches, before any hour of work.

Reads   card        the fetched model's card; the model lies beside it
        teacher_card  that of the teacher's model
Writes  vocabulary  how many tokens they share
"""

from pathlib import Path

from tunelab import records
from tunelab.jobs.job import run_as_job


def main(card: Path, teacher_card: Path, vocabulary: Path, model: str, teacher: str) -> None:
    from tunelab.models.vocabulary import compare_vocabularies

    records.write_json(
        vocabulary, compare_vocabularies({model: card.parent / "model", teacher: teacher_card.parent / "model"})
    )


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
