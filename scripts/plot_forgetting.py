"""Draw how good each run became against how far it moved from the untouched model.

Reads   table       results.json
Writes  figure      an SVG file
        pdf         the same for a paper
"""

from pathlib import Path

from tunelab import records
from tunelab.comparison.results import Results
from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting import figures, forgetting_figures


def main(results: str, study: dict, table: Path, figure: Path, pdf: Path) -> None:
    found = Results.model_validate(records.read_json(table))
    figures.write_figure(forgetting_figures.draw_forgetting(StudyFolder(results, study), found), figure, pdf)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
