"""Draw the headline metrics of every run on every task, with intervals.

Reads   table       results.json
        wording     the catalog of the study's language; nothing for English
Writes  figure      an SVG file
        pdf         the same for a paper
"""

from pathlib import Path

from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import figures, task_figures, wordings


def main(results: str, study: dict, wording: list[Path], figure: Path, pdf: Path) -> None:
    drawn = task_figures.draw_tasks(StudyFolder(results, study), wordings.load_words(wording))
    figures.write_figure(drawn, figure, pdf)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
