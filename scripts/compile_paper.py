"""Make a PDF of the paper with the LaTeX of this machine.

Reads   sources  the paper's files (LaTeX, BibTeX)
        figures  the PDF files that it includes
Writes  pdf      the paper (PDF)
"""

from pathlib import Path

from tunelab.jobs.job import run_as_job
from tunelab.records import whole_file
from tunelab.reporting.typesetting import typeset


def main(sources: list[Path], figures: list[Path], pdf: Path) -> None:
    made = typeset(sources, figures)
    with whole_file(pdf, "wb") as file:
        file.write(made)


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
