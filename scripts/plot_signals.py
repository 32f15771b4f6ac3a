"""Draw losses and training health of runs that learn from preferences or from a teacher.

Reads   results     the study's folder: each run's history of losses, margins, likelihoods
Writes  figure      an SVG file
        pdf         the same for a paper
"""

from pathlib import Path

from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import figures, training_figures


def main(results: str, study: dict, figure: Path, pdf: Path) -> None:
    figures.write_figure(training_figures.draw_signals(StudyFolder(results, study)), figure, pdf)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
