"""Choose a run's settings by how its trials did on validation rows; no test row is read.

Reads   results     the study's folder: what each trial cost, and its scores or losses on validation rows
Writes  choice      every trial with its score, and which one was chosen by which rule
        settings    the chosen settings alone, which the run's trainings take
"""

from pathlib import Path

from tunelab import records
from tunelab.comparison.tuning import choose
from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder


def main(results: str, study: dict, choice: Path, settings: Path) -> None:
    made = choose(StudyFolder(results, study))
    records.write_json(choice, made.model_dump(mode="json"))
    records.write_json(settings, made.settings)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
