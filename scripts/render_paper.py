"""Render the study as a paper in LaTeX: parts for a text of one's own, and an article that puts them together.

Reads   results         the study's folder: estimates, cards, training records
        figures         the PDF files to include
        templates       the paper's templates, and the works that it may cite
        partial         what a partial report lacks, and why; None if it is complete
Writes  paper_tex       an article that compiles as it is
        setting_tex     models, data, runs, seeds
        methods_tex     how each run was trained and scored, and the statistics
        results_tex     verdicts, tables, figures
        references_bib  the works that these cite (BibTeX)
"""

from pathlib import Path

from tunelab import records
from tunelab.jobs.job import run_as_job
from tunelab.jobs.layout import StudyFolder
from tunelab.reporting.paper import render_paper


def main(
    results: str,
    study: dict,
    figures: list[Path],
    templates: list[Path],
    partial: dict | None,
    paper_tex: Path,
    setting_tex: Path,
    methods_tex: Path,
    results_tex: Path,
    references_bib: Path,
) -> None:
    drawn = [path.stem for path in figures]
    texts = render_paper(StudyFolder(results, study), drawn, templates, partial)
    for path in (paper_tex, setting_tex, methods_tex, results_tex, references_bib):
        records.write_text(path, texts[path.name])


if __name__ == "__main__":
    run_as_job(main, snakemake)  # noqa: F821  (Snakemake provides it)
