"""Draw the learning curves of the supervised runs.

Reads   results     the study's folder: each run's history of losses
Writes  figure      an SVG file
        pdf         the same for a paper
"""

from pathlib import Path

from tunelab import figures, training_figures
from tunelab.job import run_as_job
from tunelab.study import Study


def main(results: str, study: dict, figure: Path, pdf: Path) -> None:
    figures.write_figure(training_figures.draw_learning_curves(Study(results, study)), figure, pdf)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
