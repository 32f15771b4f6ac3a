"""Find the test rows of every task that stand in the training data of any run, as they are, in part, or nearly.

Reads   results  the study's folder: the prepared rows of every data set that a run learns from or answers
Writes  overlap  for each task and training set the ids of its overlapping test rows, by kind, and of those that have
                 a twin in training, by question, by answer and by both (JSON)
"""

from pathlib import Path

from tunelab import records
from tunelab.data.contamination import measure_overlaps
from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder


def main(results: str, study: dict, overlap: Path) -> None:
    records.write_json(overlap, measure_overlaps(StudyFolder(results, study)))


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
