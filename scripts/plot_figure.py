"""Draw one figure of the study, for the page and for a paper.

Reads   wording     the catalog of the study's language; nothing for English
        table, costs, drawings, histories   whichever of them the figure is drawn from (see reporting/plots.py)
Writes  svg         the figure for the page
        pdf         the same for a paper
"""

from pathlib import Path

from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import figures, wordings
from tunelab.reporting.plots import FIGURES


def main(results: str, study: dict, figure: str, wording: list[Path], svg: Path, pdf: Path) -> None:
    draw = FIGURES[figure].find_draw()
    figures.write_figure(draw(StudyFolder(results, study), wordings.load_words(wording)), svg, pdf)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
