"""Draw what each run cost against how good it became.

Reads   table       results.json
        results     the study's folder: each run's training.json
        wording     the catalog of the study's language; nothing for English
Writes  figure      an SVG file
        pdf         the same for a paper
"""

from pathlib import Path

from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import cost_figures, figures, wordings


def main(results: str, study: dict, wording: list[Path], figure: Path, pdf: Path) -> None:
    drawn = cost_figures.draw_costs(StudyFolder(results, study), wordings.load_words(wording))
    figures.write_figure(drawn, figure, pdf)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
